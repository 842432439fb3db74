"""DuckDB as a peer of scripts/bench peers: in this process, told what to do on stdin, a line of JSON for each.

    peer.py plain|sorted VISITS.BIN DATABASE

plain: one table in the order of arrival. sorted: the visits twice, by space and by visitor, and an index on the visitor.
The file of visits has records of visitor (8 bytes), space (4), beginning and end (8 each), little-endian.

Answers are a line of JSON; to a question it has the number of visitors found, whose ids follow it, 8 bytes each.
Times are taken here, around the query and the fetching of its result into an array.
"""

import json
import os
import sys
import threading
import time

import duckdb
import numpy

ONE_BY_ONE = 2_000
COLUMNS = "(visitor UBIGINT, space INTEGER, began BIGINT, ended BIGINT)"


class Peer:
    def __init__(self, layout, visits, database):
        self.visits, self.database = visits, database
        self.by_visitor, self.by_space = ("visit", "visit") if layout == "plain" else ("by_visitor", "by_space")
        self.connection = duckdb.connect(database)
        self.sql = {}
        for order in ("first", "second"):
            with open(os.path.join(os.path.dirname(__file__), order + ".sql"), encoding="utf-8") as file:
                self.sql[order] = file.read().format(by_visitor=self.by_visitor, by_space=self.by_space)
        self.answer = b""

    def version(self):
        return {"version": duckdb.__version__, "threads": self.one("SELECT current_setting('threads')")}

    def one(self, sql):
        return self.connection.execute(sql).fetchone()[0]

    def load(self):
        fields = [("visitor", "<u8"), ("space", "<i4"), ("began", "<i8"), ("ended", "<i8")]
        rows = numpy.fromfile(self.visits, dtype=fields)
        visits = {name: numpy.ascontiguousarray(rows[name]) for name, _ in fields}
        few = [row.tolist() for row in rows[:ONE_BY_ONE]]
        self.connection.execute(f"CREATE TABLE one_by_one {COLUMNS}")
        ingest = [self.timed("one by one", len(few), lambda: self.insert(few))]
        self.connection.execute("DROP TABLE one_by_one")
        ingest.append(self.timed("bulk", len(rows), lambda: self.insert_all(visits)))
        self.connection.execute("CHECKPOINT")
        return {"ingest": ingest, "bytes": os.path.getsize(self.database)}

    def insert(self, rows):
        # One transaction: each in its own would measure the disk.
        self.connection.execute("BEGIN")
        for row in rows:
            self.connection.execute("INSERT INTO one_by_one VALUES (?, ?, ?, ?)", row)
        self.connection.execute("COMMIT")

    def insert_all(self, visits):  # DuckDB finds `visits` by its name
        if self.by_space == self.by_visitor:
            self.connection.execute(f"CREATE TABLE visit {COLUMNS}; INSERT INTO visit SELECT * FROM visits")
        else:
            self.connection.execute("CREATE TABLE by_space AS SELECT * FROM visits ORDER BY space, began")
            self.connection.execute("CREATE TABLE by_visitor AS SELECT * FROM visits ORDER BY visitor, began")
            self.connection.execute("CREATE INDEX by_visitor_visitor ON by_visitor (visitor)")
        self.connection.execute("CHECKPOINT")

    def timed(self, path, visits, work):
        start, cpu = time.perf_counter(), time.process_time()
        work()
        return {"path": path, "visits": visits, "seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}

    def ask(self, order, visitor, since, at):
        values = {"visitor": visitor, "since": since, "at": at}
        start = time.perf_counter()
        found = self.connection.execute(self.sql[order], values).fetchnumpy()["visitor"]
        took = time.perf_counter() - start
        self.answer = numpy.asarray(found, dtype="<u8").tobytes()
        return {"seconds": took, "found": len(found)}

    def probe(self, visitor):
        """A second client begins to read one visitor's visits, over and over."""
        self.stop, self.longest = False, 0.0
        self.prober = threading.Thread(target=self.read_again, args=(self.connection.cursor(), visitor))
        self.prober.start()
        return {}

    def read_again(self, cursor, visitor):
        while not self.stop:
            start = time.perf_counter()
            cursor.execute(f"SELECT space, began, ended FROM {self.by_visitor} WHERE visitor = ?", [visitor]).fetchall()
            self.longest = max(self.longest, time.perf_counter() - start)
            time.sleep(0.0002)

    def stalled(self):
        self.stop = True
        self.prober.join()
        return {"longest": self.longest}

    def purge(self, before):
        count = f"SELECT count(*) FROM {self.by_space}"
        held, start = self.one(count), time.perf_counter()
        for table in sorted({self.by_space, self.by_visitor}):
            self.connection.execute(f"DELETE FROM {table} WHERE began < ?", [before])
        return {"seconds": time.perf_counter() - start, "removed": held - self.one(count)}


def main():
    peer = Peer(*sys.argv[1:])
    for line in sys.stdin:
        command, *values = json.loads(line)
        peer.answer = b""
        reply = getattr(peer, command)(*values)
        sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n" + peer.answer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
