// The peer of scripts/bench gateway: the least that node, ws and ioredis need to log visits. It reads a message, runs
// LCT.VISIT, and answers; no limits, no deadlines, no checks beyond JSON.
//
//   node server.js <port> <port of Redis>

import { WebSocketServer } from 'ws';
import Redis from 'ioredis';

const [port, redisPort] = process.argv.slice(2).map(Number);
const redis = new Redis({ port: redisPort, host: '127.0.0.1', enableAutoPipelining: true });
const server = new WebSocketServer({ host: '127.0.0.1', port, path: '/ws', perMessageDeflate: false, maxPayload: 8192 });

server.on('connection', (socket) => {
  let visitor;
  const send = (message) => socket.send(JSON.stringify(message));
  socket.on('message', async (data) => {
    const { type, id, userID, place_id: place, start, end } = JSON.parse(data);
    if (type === 'hello') {
      visitor = userID;
      send({ type: 'session', id, userID, graphName: 'lct', complete: true });
    } else if (type === 'logVisit') {
      await redis.call('LCT.VISIT', 'lct', visitor, place, start, end);
      send({ type: 'ack', id, logged: true, loggedNodeId: `${place}@${start}` });
    }
  });
});
