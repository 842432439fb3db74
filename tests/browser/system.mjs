// The real thing, on free ports and in a temporary folder: a Redis with the module, and the gateway.
//
// LCT_MODULE and LCT_GATEWAY say where these were built, LCT_CHROMIUM where the browser is, LCT_REDIS_SERVER which server
// to take.

import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { LCT_MODULE: MODULE, LCT_GATEWAY: GATEWAY, LCT_REDIS_SERVER: SERVER = 'redis-server' } = process.env;

// Built beside the gateway, perhaps: what scripts/demo runs.
const DEMO = GATEWAY && path.join(path.dirname(GATEWAY), 'lct-demo');

// The first of these that there is.
export const CHROMIUM = [
  process.env.LCT_CHROMIUM,
  '/usr/lib/chromium/chromium-headless-shell',
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
].find((file) => file && existsSync(file));

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(what, ask) {
  for (let i = 0; i < 400; i += 1) {
    if (await ask().catch(() => false)) return;
    await sleep(50);
  }
  throw new Error(`${what}: not within 20 s`);
}

// Ends one of our own processes and waits for it.
async function end(child) {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

// What we started does not outlive us, however we end.
const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

function start(program, args, log = 'ignore') {
  const child = spawn(program, args.map(String), { stdio: ['ignore', 'ignore', log] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

export class System {
  static async start(options = []) {
    if (!MODULE || !GATEWAY) throw new Error('say where the module and the gateway are: LCT_MODULE, LCT_GATEWAY');
    const system = new System();
    system.folder = await mkdtemp(path.join(os.tmpdir(), 'lct-browser-'));
    [system.redisPort, system.port, system.opsPort] = [await freePort(), await freePort(), await freePort()];
    system.options = options;
    await system.startRedis();
    await system.startGateway();
    return system;
  }

  // One for this work alone, ended with it.
  static async during(work, options = []) {
    const system = await System.start(options);
    try {
      return await work(system);
    } finally {
      await system.stop();
    }
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async startRedis() {
    const settings = ['--port', this.redisPort, '--bind', '127.0.0.1', '--dir', this.folder, '--appendonly', 'yes', '--loadmodule', MODULE];
    this.redis = start(SERVER, settings);
    await until('Redis', async () => (await this.cli('PING')) === 'PONG');
  }

  async startGateway() {
    const addresses = ['--listen', `127.0.0.1:${this.port}`, '--ops-listen', `127.0.0.1:${this.opsPort}`];
    const args = [...addresses, '--redis', `redis://127.0.0.1:${this.redisPort}`, '--drain-timeout', '3', ...this.options];
    this.gateway = start(GATEWAY, args, process.env.LCT_SHOW ? 'inherit' : 'ignore');
    await until('the gateway', async () => (await fetch(`http://127.0.0.1:${this.opsPort}/readyz`)).ok);
  }

  stopGateway = () => end(this.gateway);
  stopRedis = () => end(this.redis);

  // What redis-cli answers, a line for each element.
  cli(...args) {
    return new Promise((resolve, reject) => {
      execFile('redis-cli', ['-p', this.redisPort, ...args].map(String), (error, out) => (error ? reject(error) : resolve(out.trim())));
    });
  }

  // One number or text of LCT.INFO; 0 where there is no graph.
  async info(field, graph = 'lct') {
    const lines = (await this.cli('LCT.INFO', graph)).split('\n');
    return lines.includes(field) ? Number(lines[lines.indexOf(field) + 1]) : 0;
  }

  static get canDemo() {
    return existsSync(DEMO);
  }

  // Fills the playground with the town of scripts/demo; gives the file with its places, the link of a diary and that of a place.
  async demo(...more) {
    const list = path.join(this.folder, 'demo-places.txt');
    const args = ['--redis', `redis://127.0.0.1:${this.redisPort}`, '--listen', `127.0.0.1:${this.port}`, '--places', list, ...more];
    const said = await new Promise((resolve, reject) => execFile(DEMO, args, (error, out) => (error ? reject(error) : resolve(out))));
    const [diary, library] = said.match(/http:\S+/g);
    return { list, diary, library };
  }

  // A one-time code, as the operator makes them.
  code() {
    const args = ['codes', 'new', '--redis', `redis://127.0.0.1:${this.redisPort}`];
    return new Promise((resolve, reject) => {
      execFile(GATEWAY, args, (error, out) => (error ? reject(error) : resolve(out.trim())));
    });
  }

  async stop() {
    await this.stopGateway();
    await this.stopRedis();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export { sleep, until };
