/** Which dedupe keys are taken, by what content, and since when their messages are gone. */
import { WaybillError } from '../../core/errors.js'
import type { ScopeId } from '../../core/scope.js'
import type { NewMessage } from '../../outbox/message.js'
import type { Identity } from './records.js'
import { ScopedHeaps } from './scoped-heaps.js'
import type { MemoryTransaction } from './transaction.js'

export class Identities {
  readonly #byName = new Map<string, Identity>()
  readonly #left = new ScopedHeaps<Identity>((a, b) => (a.leftAt ?? 0) < (b.leftAt ?? 0))

  find(message: NewMessage): Identity | undefined {
    const name = identityName(message)
    return name === undefined ? undefined : this.#byName.get(name)
  }

  /** Another open transaction that holds the key of one of these. */
  holder(transaction: MemoryTransaction, messages: readonly NewMessage[]): MemoryTransaction | undefined {
    for (const message of messages) {
      const holder = this.find(message)?.holder
      if (holder !== undefined && holder !== transaction) return holder
    }
    return undefined
  }

  /** @throws CONFLICT when a key exists, before or inside the batch, with other content. Changes nothing. */
  check(messages: readonly NewMessage[]): void {
    const inBatch = new Map<string, Uint8Array>()
    for (const message of messages) {
      const name = identityName(message)
      if (name === undefined || message.dedupe === null) continue
      const digest = this.#byName.get(name)?.digest ?? inBatch.get(name)
      if (digest === undefined) inBatch.set(name, message.dedupe.digest)
      else if (!Buffer.from(digest).equals(message.dedupe.digest)) throw conflict(message)
    }
  }

  hold(message: NewMessage, messageId: string, holder: MemoryTransaction): Identity | undefined {
    const name = identityName(message)
    if (name === undefined || message.dedupe === null) return undefined
    const identity: Identity = {
      name, messageId, holder, scope: message.scope, digest: message.dedupe.digest.slice(),
        message: undefined,
      leftAt: undefined, heapIndex: -1,
    }
    this.#byName.set(name, identity)
    return identity
  }

  /** The message was delivered, or was removed undelivered: its key is kept for a while from now. */
  leave(identity: Identity, now: number): void {
    if (identity.leftAt !== undefined || this.#byName.get(identity.name) !== identity) return
    identity.leftAt = now
    this.#left.push(identity)
  }

  /** The enqueue that took it was rolled back. */
  discard(identity: Identity | undefined): void {
    if (identity !== undefined
      && this.#byName.get(identity.name) === identity) this.#byName.delete(identity.name)
  }

  /** How many `purge` would remove without a limit. */
  countOld(olderThanMs: number, scope: ScopeId | undefined, now: number): number {
    return this.#left.countFront(({ leftAt }) => leftAt !== undefined && now - leftAt >= olderThanMs, scope)
  }

  purge(olderThanMs: number, limit: number, scope: ScopeId | undefined, now: number): number {
    const scopes = scope === undefined ? undefined : [scope]
    let count = 0
    for (; count < limit; count += 1) {
      const identity = this.#left.peek(scopes)
      if (identity?.leftAt === undefined || now - identity.leftAt < olderThanMs) break
      this.#left.remove(identity)
      this.#byName.delete(identity.name)
    }
    return count
  }
}

function identityName({ scope, lane, target, dedupe }: NewMessage): string | undefined {
  return dedupe === null ? undefined : JSON.stringify([scope, lane, target, dedupe.key])
}

function conflict({ lane, target }: NewMessage): WaybillError {
  return new WaybillError('CONFLICT', 'a message with this dedupe key exists and has other content', {
    details: { lane, target },
  })
}
