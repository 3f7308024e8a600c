/**
 * One tenant's view of a journal: what it appends is of its scope, and it sees nothing else. The scope is a column that
 * is compared in the statement itself, so a foreign stream is as unknown as one that does not exist. Views nest as
 * those of the outbox do.
 */
import { WaybillError } from '../core/errors.js'
import { nestedScope, type ScopeId } from '../core/scope.js'
import type { JournalFilter, JournalStore, PagesRead, StreamRead, StreamsRead } from './contract.js'
import type { NewBatch, StreamName } from './event.js'

export class ScopedJournalStore<Tx> implements JournalStore<Tx> {
  readonly inner: JournalStore<Tx>
  readonly scope: ScopeId

  constructor(inner: JournalStore<Tx>, scope: ScopeId) {
    const outer = inner instanceof ScopedJournalStore ? inner : undefined
    this.inner = outer === undefined ? inner : (outer.inner as JournalStore<Tx>)
    this.scope = nestedScope(outer?.scope, scope)
  }

  get capabilities(): JournalStore<Tx>['capabilities'] {
    return this.inner.capabilities
  }

  append(tx: Tx, batch: NewBatch): ReturnType<JournalStore<Tx>['append']> {
    return this.inner.append(tx, { ...batch, scope: this.scope })
  }

  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.inner.transaction(work)
  }

  read(request: StreamRead): ReturnType<JournalStore<Tx>['read']> {
    return this.inner.read({ ...request, scope: this.scope })
  }

  readPages(request: PagesRead): ReturnType<JournalStore<Tx>['readPages']> {
    return this.inner.readPages({ ...request, scope: this.scope })
  }

  head(filter: JournalFilter): Promise<string> {
    return this.inner.head({ ...filter, scope: this.scope })
  }

  get(ids: readonly string[]): ReturnType<JournalStore<Tx>['get']> {
    return this.inner.get(ids, this.scope)
  }

  streams(request: StreamsRead): ReturnType<JournalStore<Tx>['streams']> {
    const after = request.after === undefined ? undefined : { ...request.after, scope: this.scope }
    return this.inner.streams({ ...request, after, scope: this.scope })
  }

  highestSequence(stream: StreamName): Promise<bigint> {
    return this.inner.highestSequence({ ...stream, scope: this.scope })
  }

  deleteTo(stream: StreamName, sequence: bigint): Promise<void> {
    return this.inner.deleteTo({ ...stream, scope: this.scope }, sequence)
  }

  removeTo(stream: StreamName, sequence: bigint): Promise<void> {
    return this.inner.removeTo({ ...stream, scope: this.scope }, sequence)
  }

  passed(cursor: string, filter: JournalFilter): Promise<bigint> {
    return this.inner.passed(cursor, { ...filter, scope: this.scope })
  }

  async aged(): Promise<never> {
    throw notInView()
  }

  async prune(): Promise<never> {
    throw notInView()
  }

  close(): Promise<void> {
    return this.inner.close()
  }
}

/** Events of all scopes are in one order, and go together. */
function notInView(): WaybillError {
  return new WaybillError('CONFIG_INVALID', 'a journal is pruned as a whole: not through the view of one scope')
}
