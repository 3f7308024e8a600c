import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const PROGRAM = process.env['WAYBILL_TEST_PGBOUNCER'] ?? 'pgbouncer'
const START_TIMEOUT_MS = 10_000

/** Why pgbouncer cannot be tested here, or undefined. Under WAYBILL_CI it is required. */
export function pgbouncerMissing(): string | undefined {
  const { status, error } = spawnSync(PROGRAM, ['--version'], { encoding: 'utf8' })
  if (status === 0) return undefined
  const reason = `${PROGRAM} does not run: ${error?.message ?? `exit status ${status}`}`
  if (process.env['WAYBILL_CI']) throw new Error(reason)
  return reason
}

/** Gives each transaction whichever server connection is free, of fewer than there are clients. */
export class Pgbouncer {
  readonly url: string
  readonly #base: string
  readonly #process: ChildProcess

  private constructor(base: string, child: ChildProcess, url: string) {
    this.#base = base
    this.#process = child
    this.url = url
  }

  /** In front of the server at this URL, which must trust its user. */
  static async start(serverUrl: string, poolSize = 8): Promise<Pgbouncer> {
    const server = new URL(serverUrl)
    const port = await freePort()
    const base = fs.mkdtempSync(join(tmpdir(), 'waybill-pgbouncer-'))
    const user = decodeURIComponent(server.username)
    fs.writeFileSync(join(base, 'users'), `"${user}" ""\n`)
    fs.writeFileSync(join(base, 'ini'), [
      '[databases]', `* = host=${server.hostname} port=${server.port || 5432} user=${user}`,
      '[pgbouncer]', 'listen_addr = 127.0.0.1', `listen_port = ${port}`, 'unix_socket_dir =',
      'auth_type = trust', `auth_file = ${join(base, 'users')}`, 'pool_mode = transaction',
      `default_pool_size = ${poolSize}`, 'max_client_conn = 500',
      'ignore_startup_parameters = extra_float_digits',
    ].join('\n'))
    const account = unprivilegedAccount()
    for (const path of [base, join(base, 'users'), join(base, 'ini')]) {
      if ('uid' in account) fs.chownSync(path, account.uid, account.gid)
    }
    const child = spawn(PROGRAM, ['-q', join(base, 'ini')], {
      cwd: base, stdio: ['ignore', 'ignore', 'pipe'], ...account,
    })
    let errors = ''
    child.stderr.on('data', (text: Buffer) => { errors += text.toString() })
    const url = `postgres://${server.username}@127.0.0.1:${port}${server.pathname}`
    const bouncer = new Pgbouncer(base, child, url)
    const deadline = performance.now() + START_TIMEOUT_MS
    while (!await accepts(port)) {
      if (child.exitCode !== null || performance.now() > deadline) {
        await bouncer[Symbol.asyncDispose]()
        throw new Error(`pgbouncer did not start: ${errors.slice(-2_000)}`)
      }
      await sleep(10)
    }
    return bouncer
  }

  /** Ends the process and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#process
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    fs.rmSync(this.#base, { recursive: true, force: true })
  }
}

/** pgbouncer refuses to run as root; root therefore lends it the account of nobody. */
function unprivilegedAccount(): { uid: number; gid: number } | Record<never, never> {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.once('error', () => resolve(false)).once('connect', () => socket.destroy())
  })
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
