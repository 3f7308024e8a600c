// What a PostgreSQL spent: bytes of WAL, and the processor time of all its processes, where they can be seen.
import { readdirSync, readFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'

const READ_LSN = 'select pg_current_wal_insert_lsn() as lsn'
const WAL_BETWEEN = 'select pg_wal_lsn_diff($1, $2)::float8 as bytes'
const OWN_PROCESS = 'select pg_backend_pid() as pid'
const VERSION = `select current_setting('server_version') as version`

export class ServerLoad {
  #client
  #postmaster
  #ticksPerSecond

  /** `client` is a connected client of its own. */
  static async open(client) {
    const { rows: [{ pid }] } = await client.query(OWN_PROCESS)
    return new ServerLoad(client, postmasterOf(pid))
  }

  constructor(client, postmaster) {
    this.#client = client
    this.#postmaster = postmaster
    this.#ticksPerSecond = postmaster === undefined ? 0
      : Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  }

  async version() {
    return (await this.#client.query(VERSION)).rows[0].version
  }

  /** Runs `work` and answers what it took, per message. `work` may answer the seconds that count. */
  async measure(messages, work) {
    const lsn = await this.#lsn()
    const [server, own] = [this.#serverMicros(), process.cpuUsage()]
    const began = performance.now()
    const seconds = (await work()) ?? (performance.now() - began) / 1_000
    const { user, system } = process.cpuUsage(own)
    const spent = this.#serverMicros()
    const { rows: [{ bytes }] } = await this.#client.query(WAL_BETWEEN, [await this.#lsn(), lsn])
    return {
      rate: messages / seconds,
      walBytes: bytes / messages,
      serverMicros: spent === undefined ? undefined : (spent - server) / messages,
      nodeMicros: (user + system) / messages,
    }
  }

  async #lsn() {
    return (await this.#client.query(READ_LSN)).rows[0].lsn
  }

  /** Of the postmaster, its children, and those of its children that have ended. */
  #serverMicros() {
    if (this.#postmaster === undefined) return undefined
    let ticks = 0
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue
      const stat = readStat(name)
      if (stat === undefined) continue
      if (Number(name) === this.#postmaster) ticks += stat.own + stat.ended
      else if (stat.parent === this.#postmaster) ticks += stat.own
    }
    return ticks * (1_000_000 / this.#ticksPerSecond)
  }
}

/** Undefined when the server is not on this machine, or this is not Linux. */
function postmasterOf(pid) {
  const stat = readStat(pid)
  if (stat === undefined || stat.program !== 'postgres') return undefined
  return readStat(stat.parent)?.program === 'postgres' ? stat.parent : undefined
}

/** Undefined for a process that is gone. */
function readStat(pid) {
  let stat
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The program's name stands in parentheses and may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number)
  return {
    program: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
    parent: fields[1], own: fields[11] + fields[12], ended: fields[13] + fields[14],
  }
}
