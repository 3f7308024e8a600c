/**
 * One tenant's view of a store: every draft is written to its scope, every other call sees and changes
 * only its messages. The scope travels to the store as a column value that is compared in the same
 * statement as the write, so a scoped ack costs what any ack costs and a foreign id answers exactly
 * as a missing one does (suite group `scope-*`).
 *
 * Views nest: a view of a view is the scope `scope:<bytes>:<outer>:<inner>`.
 */
import { nestedScope, type ScopeId } from '../core/scope.js'
import type {
  ClaimRequest, ExtendRequest, LaneOrderings, ListFilter, OutboxSettings, OutboxStore, PauseRequest, PurgeRequest,
  QuarantineRequest, ResolveDeadRequest, SettleRequest, StatsFilter,
} from './contract.js'
import type { NewMessage } from './message.js'

export class ScopedOutboxStore<Tx> implements OutboxStore<Tx> {
  readonly inner: OutboxStore<Tx>
  readonly scope: ScopeId

  constructor(inner: OutboxStore<Tx>, scope: ScopeId) {
    const outer = inner instanceof ScopedOutboxStore ? inner : undefined
    this.inner = outer === undefined ? inner : (outer.inner as OutboxStore<Tx>)
    this.scope = nestedScope(outer?.scope, scope)
  }

  get capabilities(): OutboxStore<Tx>['capabilities'] {
    return this.inner.capabilities
  }

  enqueueMany(tx: Tx, messages: readonly NewMessage[]): ReturnType<OutboxStore<Tx>['enqueueMany']> {
    return this.inner.enqueueMany(tx, messages.map((message) => ({ ...message, scope: this.scope })))
  }

  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.inner.transaction(work)
  }

  claim(request: ClaimRequest): ReturnType<OutboxStore<Tx>['claim']> {
    return this.inner.claim({ ...request, scopes: [this.scope] })
  }

  settle(request: SettleRequest): ReturnType<OutboxStore<Tx>['settle']> {
    return this.inner.settle({ ...request, scope: this.scope })
  }

  extend(request: ExtendRequest): ReturnType<OutboxStore<Tx>['extend']> {
    return this.inner.extend({ ...request, scope: this.scope })
  }

  get(ids: readonly string[]): ReturnType<OutboxStore<Tx>['get']> {
    return this.inner.get(ids, this.scope)
  }

  list(filter: ListFilter): ReturnType<OutboxStore<Tx>['list']> {
    return this.inner.list({ ...filter, scope: this.scope })
  }

  stats(filter: StatsFilter): ReturnType<OutboxStore<Tx>['stats']> {
    return this.inner.stats({ ...filter, scope: this.scope })
  }

  purge(request: PurgeRequest): ReturnType<OutboxStore<Tx>['purge']> {
    return this.inner.purge({ ...request, scope: this.scope })
  }

  failures(id: string): ReturnType<OutboxStore<Tx>['failures']> {
    return this.inner.failures(id, this.scope)
  }

  resolveDead(request: ResolveDeadRequest): ReturnType<OutboxStore<Tx>['resolveDead']> {
    return this.inner.resolveDead({ ...request, scope: this.scope })
  }

  edits(id: string): ReturnType<OutboxStore<Tx>['edits']> {
    return this.inner.edits(id, this.scope)
  }

  quarantine(request: QuarantineRequest): ReturnType<OutboxStore<Tx>['quarantine']> {
    return this.inner.quarantine({ ...request, scope: this.scope })
  }

  /** Lanes and targets are shared by all scopes, so this pauses them for all. */
  setPaused(request: PauseRequest): Promise<void> {
    return this.inner.setPaused(request)
  }

  settings(): Promise<OutboxSettings> {
    return this.inner.settings()
  }

  migrate(lanes?: LaneOrderings): Promise<void> {
    return this.inner.migrate(lanes)
  }

  close(): Promise<void> {
    return this.inner.close()
  }
}
