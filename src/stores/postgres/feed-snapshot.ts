/**
 * The rows of a feed, of one moment: a transaction under REPEATABLE READ on a connection of the store's pool, which is
 * held until the rows are read, or the reading is given up. Each page is asked for by the signature behind the last.
 *
 * It holds that connection and, as any transaction, the database's clearing up. So it ends by itself when nothing is
 * asked of it for ten minutes: then the server ends it, and the next page throws what is retryable.
 */
import { WaybillError } from '../../core/errors.js'
import type { SqlDatabase, SqlExecutor } from '../../core/sql.js'
import { orderedI64 } from '../../core/u64.js'
import type { LiveRow } from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import { toLiveRow, toStateIfAny } from './feed-rows.js'
import type { FeedStatements } from './feed-statements.js'

const MAX_IDLE_MS = 600_000

interface Begun {
  readonly tx: SqlExecutor
  readonly state: FeedState | undefined
  readonly end: () => void
  readonly ended: Promise<void>
}

export class PostgresFeedSnapshot {
  /** Undefined where there is no such feed; it may have rows all the same. */
  readonly state: FeedState | undefined
  readonly pages: AsyncIterable<readonly LiveRow[]>
  /** When it is closed and holds nothing any more. */
  readonly ended: Promise<void>
  readonly #tx: SqlExecutor
  readonly #end: () => void
  #isClosed = false

  private constructor({ tx, state, end, ended }: Begun, pages: PageRead) {
    this.state = state
    this.ended = ended
    this.#tx = tx
    this.#end = end
    this.pages = this.#read(pages)
  }

  static open(database: SqlDatabase, pages: PageRead): Promise<PostgresFeedSnapshot> {
    return new Promise((resolve, reject) => {
      let end = (): void => undefined
      const isEnded = new Promise<void>((onEnd) => { end = onEnd })
      const ended = database.transaction(async (tx) => {
        await tx.execute(pages.sql.beginSnapshot([]))
        const [row] = await tx.execute(pages.sql.openSnapshot([pages.feed, `${MAX_IDLE_MS}`]))
        resolve(new PostgresFeedSnapshot({ tx, state: toStateIfAny(row), end, ended }, pages))
        await isEnded
        // Of a connection that is lost once it is open, the next page tells.
      }).catch(reject)
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#end()
    await this.ended
  }

  async* #read({ sql, feed, pageSize }: PageRead): AsyncGenerator<readonly LiveRow[]> {
    try {
      for (let from = 0n; ;) {
        if (this.#isClosed) throw new WaybillError('CLOSED', 'this snapshot is closed')
        const rows = await this.#tx.execute(sql.rows([feed, orderedI64(from), pageSize]))
        const page = rows.map(toLiveRow)
        const last = page.at(-1)
        if (last === undefined) return
        yield page
        if (page.length < pageSize || last.signature === MAX_SIGNATURE) return
        from = last.signature + 1n
      }
    } finally {
      await this.close()
    }
  }
}

const MAX_SIGNATURE = 2n ** 64n - 1n

interface PageRead {
  readonly sql: FeedStatements
  readonly feed: string
  readonly pageSize: number
}
