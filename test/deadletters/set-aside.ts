/** A quarantine of the tests' own, in a SQLite file beside the heap: it moves what is there, and bears repetition. */
import type { SqlExecutor } from '../../src/core/sql.js'
import type { HeapEntry } from '../../src/deadletters/heap.js'
import type { SqliteStore } from '../../src/sqlite.js'

export const SET_ASIDE_TABLES = [
  'create table message (id text primary key)',
  'create table set_aside (id text not null, failures integer not null, error text)',
] as const

/** In one transaction. What is no message any more has been dealt with. */
export async function setAside(store: SqliteStore, entries: readonly HeapEntry[]): Promise<readonly string[]> {
  await store.transaction(async (handle) => {
    const tx: SqlExecutor = store.bind(handle)
    for (const { id, failures, lastError } of entries) {
      await tx.execute({
        text: 'insert into set_aside (id, failures, error) select id, ?2, ?3 from message where id = ?1',
        params: [id, failures, lastError ?? null],
      })
      await tx.execute({ text: 'delete from message where id = ?1', params: [id] })
    }
  })
  return entries.map(({ id }) => id)
}
