/** The checkpoints of subscribers on a server of the Redis protocol. How they are stored: checkpoint-scripts.ts. */
import type { Clock } from '../../core/environment.js'
import type { RedisCommands, RedisReply } from '../../core/redis-commands.js'
import type {
  CheckpointStore, DeadResult, DeadResultDraft, DeadResultsRequest, DiscardResults, PurgeDeadResults, SaveCheckpoints,
  StoredCheckpoint, SubscribersRequest, SubscriberState, TakeSubscriber,
} from '../../feeds/checkpoints.js'
import { DEAD, DISCARD, FORGET, FORGET_FEED, LOOK, PURGE_DEAD, RELEASE, SAVE, TAKE } from './checkpoint-scripts.js'
import { RedisConnection } from './connection.js'
import type { RedisStoreOptions } from './feeds.js'
import { RedisKeys } from './keys.js'
import { RedisRegistry } from './registry.js'
import { bytesOf, listOf, textOf } from './replies.js'

export interface RedisCheckpointOptions extends RedisStoreOptions {
  /** Replaces the server's clock, for tests. */
  readonly now?: Clock | undefined
}

const NAMES_PAGE = 100

export class RedisCheckpointStore implements CheckpointStore {
  readonly capabilities = { durable: true, shared: true }
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #names: RedisRegistry
  readonly #clock: Clock | undefined

  constructor(commands: RedisCommands, { prefix, now }: RedisCheckpointOptions) {
    this.#connection = new RedisConnection(commands)
    this.#keys = new RedisKeys(prefix)
    this.#names = new RedisRegistry(this.#connection, this.#keys.subscribers)
    this.#clock = now
  }

  async take({ subscriber, owner, leaseMs }: TakeSubscriber): Promise<SubscriberState | undefined> {
    await this.#names.add(subscriber)
    const reply = await this.#connection.run(TAKE, this.#all(subscriber), [this.#now(), owner, `${leaseMs}`])
    if (reply === null) return undefined
    const [isNew, term, lease, checkpoints] = listOf(reply)
    if (isNew === 1) await this.#names.add(subscriber)
    return {
      subscriber, owner, term: BigInt(textOf(term)), leaseMs: Number(lease), checkpoints: toCheckpoints(checkpoints),
    }
  }

  async save({ subscriber, term, checkpoints, dead }: SaveCheckpoints): Promise<boolean> {
    return await this.#connection.run(SAVE, this.#all(subscriber), [
      this.#now(), term.toString(), `${checkpoints.length}`,
      ...checkpoints.flatMap(({ feed, sequence, incarnation, configHash }) => (
        [feed, JSON.stringify([sequence.toString(), incarnation, configHash])])),
      ...dead.flatMap((draft) => [deadKey(draft), deadContent(draft)]),
    ]) === 1
  }

  async release({ subscriber, term }: { readonly subscriber: string; readonly term: bigint }): Promise<void> {
    await this.#connection.run(RELEASE, this.#all(subscriber), [term.toString()])
  }

  async list({ after, limit }: SubscribersRequest): Promise<readonly SubscriberState[]> {
    return this.#names.list(after, limit, (subscriber) => this.#look(subscriber))
  }

  async deadLetters({ subscriber, after, limit }: DeadResultsRequest): Promise<readonly DeadResult[]> {
    const found = listOf(await this.#connection.run(DEAD, this.#all(subscriber), [after.toString(), `${limit}`]))
    const letters: DeadResult[] = []
    for (let at = 0; at < found.length; at += 2) letters.push(toDead(subscriber, found[at], found[at + 1]))
    return letters
  }

  async discard({ subscriber, numbers }: DiscardResults): Promise<number> {
    return Number(await this.#connection.run(DISCARD, this.#all(subscriber), numbers.map(String)))
  }

  async purgeDead({ subscriber, ...request }: PurgeDeadResults): Promise<number> {
    if (subscriber !== undefined) return this.#purgeDeadOf(subscriber, request)
    let count = 0
    for (let after = ''; count < request.limit;) {
      const names = await this.#names.list(after, NAMES_PAGE, async (name) => name)
      for (const name of names) {
        if (count < request.limit) count += await this.#purgeDeadOf(name, { ...request, limit: request.limit - count })
      }
      after = names.at(-1) ?? after
      if (names.length < NAMES_PAGE) return count
    }
    return count
  }

  async forget(subscriber: string, feed?: string): Promise<boolean> {
    if (feed !== undefined) {
      return await this.#connection.run(FORGET_FEED, this.#all(subscriber), [feed, deadKeyOfFeed(feed)]) === 1
    }
    const isFound = await this.#connection.run(FORGET, this.#all(subscriber), []) === 1
    if (isFound) await this.#names.remove(subscriber, async () => await this.#look(subscriber) !== undefined)
    return isFound
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  async #purgeDeadOf(
    subscriber: string, { olderThanMs, limit, dryRun }: Omit<PurgeDeadResults, 'subscriber'>,
  ): Promise<number> {
    return Number(await this.#connection.run(PURGE_DEAD, this.#all(subscriber), [
      this.#now(), `${olderThanMs}`, `${limit}`, dryRun ? '1' : '0',
    ]))
  }

  async #look(subscriber: string): Promise<SubscriberState | undefined> {
    const reply = await this.#connection.run(LOOK, this.#all(subscriber), [this.#now()])
    if (reply === null) return undefined
    const [owner, isOwned, term, lease, checkpoints] = listOf(reply)
    return {
      subscriber, owner: isOwned === 1 ? textOf(owner) : undefined, term: BigInt(textOf(term)),
      leaseMs: Number(lease), checkpoints: toCheckpoints(checkpoints),
    }
  }

  #all(name: string): readonly string[] {
    const { state, checkpoints, dead, deadOrder } = this.#keys.subscriber(name)
    return [state, checkpoints, dead, deadOrder]
  }

  /** '' stands for the server's. */
  #now(): string {
    return this.#clock?.().toString() ?? ''
  }
}

function toCheckpoints(reply: RedisReply | undefined): readonly StoredCheckpoint[] {
  const fields = listOf(reply)
  const checkpoints: StoredCheckpoint[] = []
  for (let at = 0; at < fields.length; at += 2) {
    const [savedAt = '', stored = ''] = textOf(fields[at + 1]).split('\n')
    const [sequence, incarnation, configHash] = JSON.parse(stored) as [string, string, string]
    const feed = textOf(fields[at])
    checkpoints.push({ feed, sequence: BigInt(sequence), incarnation, configHash, savedAt: Number(savedAt) })
  }
  return checkpoints.sort((a, b) => Buffer.compare(Buffer.from(a.feed), Buffer.from(b.feed)))
}

function deadKey({ feed, incarnation, sequence }: DeadResultDraft): string {
  return JSON.stringify([feed, incarnation, sequence.toString()])
}

/** What the keys of a feed's results begin with, and no others. */
function deadKeyOfFeed(feed: string): string {
  return `${JSON.stringify([feed]).slice(0, -1)},`
}

/** A line of JSON and the bytes; the script puts a line with the time in front. */
function deadContent({ feed, incarnation, sequence, data, attempts, error }: DeadResultDraft): Uint8Array {
  return Buffer.concat([
    Buffer.from(`${JSON.stringify([feed, incarnation, sequence.toString(), attempts, error])}\n`), data,
  ])
}

const NEWLINE = 0x0a

function toDead(subscriber: string, number: RedisReply | undefined, content: RedisReply | undefined): DeadResult {
  const bytes = bytesOf(content)
  const first = bytes.indexOf(NEWLINE)
  const second = bytes.indexOf(NEWLINE, first + 1)
  const [feed, incarnation, sequence, attempts, error] = (
    JSON.parse(textOf(bytes.subarray(first + 1, second))) as [string, string, string, number, string])
  return {
    number: BigInt(textOf(number)), subscriber, feed, incarnation, sequence: BigInt(sequence),
    data: bytes.subarray(second + 1), attempts, error, diedAt: Number(textOf(bytes.subarray(0, first))),
  }
}
