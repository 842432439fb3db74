// What this phone keeps, in IndexedDB: the device key, places, visits, warnings, alerts, and texts not sent yet.
// Nothing is kept for longer than 14 days but the key, the settings and the places, which hold no dates.

import { DAY } from '/common/time.js';
import { deleteDB, openDB } from '/vendor/idb/idb.js';

export const KEPT = 14 * DAY;

const TABLES = { places: 'place_id', visits: 'id', warnings: 'id', alerts: 'id', notes: 'id' };

export class Store {
  // Each graph has a database of its own, so that playing never touches what is real.
  static async open(graph) {
    const name = graph ? `lct-${graph}` : 'lct';
    const db = await openDB(name, 1, {
      upgrade(db) {
        db.createObjectStore('meta');
        for (const [table, keyPath] of Object.entries(TABLES)) db.createObjectStore(table, { keyPath });
      },
      // A newer page in another window, or an erasure there, must not wait for this one.
      blocking: () => db.close(),
    });
    return new Store(name, db);
  }

  constructor(name, db) {
    this.name = name;
    this.db = db;
  }

  // Everything, without what is too old.
  async load(now = Date.now()) {
    await this.purge(now);
    const everything = { meta: {} };
    for (const table of Object.keys(TABLES)) everything[table] = await this.db.getAll(table);
    for (const key of await this.db.getAllKeys('meta')) everything.meta[key] = await this.db.get('meta', key);
    return everything;
  }

  put = (table, record) => this.db.put(table, record);
  delete = (table, key) => this.db.delete(table, key);
  set = (key, value) => (value === undefined ? this.db.delete('meta', key) : this.db.put('meta', value, key));

  // Deletes what is older than 14 days.
  async purge(now) {
    for (const table of Object.keys(TABLES)) {
      for (const record of await this.db.getAll(table)) {
        if (isOld(table, record, now)) await this.db.delete(table, record[TABLES[table]]);
      }
    }
  }

  // Everything but these keys of `meta`, in one step.
  async clear(keep = []) {
    const transaction = this.db.transaction(['meta', ...Object.keys(TABLES)], 'readwrite');
    for (const table of Object.keys(TABLES)) transaction.objectStore(table).clear();
    const meta = transaction.objectStore('meta');
    for (const key of await meta.getAllKeys()) if (!keep.includes(key)) meta.delete(key);
    await transaction.done;
  }

  async destroy() {
    this.db.close();
    await deleteDB(this.name);
  }
}

// Whether the 14 days of a record are over.
export function isOld(table, record, now) {
  const since = { visits: record.end, warnings: record.issued, alerts: record.issued, notes: record.written }[table];
  return since !== undefined && since <= now - KEPT;
}
