// One PostgreSQL database for a whole run, of its own, so that a server that was lent is left as it was.
import pg from 'pg'
import { ServerLoad } from './server-load.mjs'

export const CONNECTIONS = 10

/** What a topic needs besides is made in `prepare` and ended in `close` by a class of its own. */
export class BenchDatabase {
  url
  sizes
  pool
  admin
  load
  #home
  #name

  static async open(serverUrl, sizes) {
    const home = new pg.Client({ connectionString: serverUrl })
    await home.connect()
    const name = `waybill_bench_${process.pid}`
    await home.query(`create database ${name}`)
    const url = new URL(serverUrl)
    url.pathname = `/${name}`
    const database = new this(home, name, url.href, sizes)
    await database.#open()
    return database
  }

  constructor(home, name, url, sizes) {
    this.#home = home
    this.#name = name
    this.url = url
    this.sizes = sizes
  }

  async #open() {
    this.pool = this.newPool()
    this.admin = new pg.Client({ connectionString: this.url })
    await this.admin.connect()
    this.load = await ServerLoad.open(this.admin)
    await this.prepare()
  }

  async prepare() {}

  /** Is ended by whoever asked for it. */
  newPool(options = {}) {
    const pool = new pg.Pool({ connectionString: this.url, max: CONNECTIONS, ...options })
    // `end` does not wait for the server, so dropping the database may find a connection that is about to go. A query
    // that loses its connection fails in any case.
    pool.on('error', () => undefined)
    return pool
  }

  async inTransaction(work) {
    const client = await this.pool.connect()
    try {
      await client.query('begin')
      const result = await work(client)
      await client.query('commit')
      return result
    } finally {
      client.release()
    }
  }

  async close() {
    await this.pool?.end()
    await this.admin?.end()
    await this.#home.query(`drop database ${this.#name} with (force)`)
    await this.#home.end()
  }
}
