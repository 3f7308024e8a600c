/** The checkpoints of subscribers on a server of the Redis protocol. How they are stored: checkpoint-scripts.ts. */
import type { Clock } from '../../core/environment.js'
import type { RedisCommands, RedisReply } from '../../core/redis-commands.js'
import type {
  Checkpoint, CheckpointStore, DeadResult, DeadResultDraft, DeadResultsRequest, SaveCheckpoints, SubscribersRequest,
  SubscriberState, TakeSubscriber,
} from '../../feeds/checkpoints.js'
import { DEAD, FORGET, LOOK, RELEASE, SAVE, TAKE } from './checkpoint-scripts.js'
import { RedisConnection } from './connection.js'
import type { RedisStoreOptions } from './feeds.js'
import { RedisKeys } from './keys.js'
import { RedisRegistry } from './registry.js'
import { bytesOf, listOf, textOf } from './replies.js'

export interface RedisCheckpointOptions extends RedisStoreOptions {
  /** Replaces the server's clock, for tests. */
  readonly now?: Clock | undefined
}

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

  async forget(subscriber: string): Promise<boolean> {
    const isFound = await this.#connection.run(FORGET, this.#all(subscriber), []) === 1
    if (isFound) await this.#names.remove(subscriber, async () => await this.#look(subscriber) !== undefined)
    return isFound
  }

  async close(): Promise<void> {
    this.#connection.close()
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

function toCheckpoints(reply: RedisReply | undefined): readonly Checkpoint[] {
  const fields = listOf(reply)
  const checkpoints: Checkpoint[] = []
  for (let at = 0; at < fields.length; at += 2) {
    const [sequence, incarnation, configHash] = JSON.parse(textOf(fields[at + 1])) as [string, string, string]
    checkpoints.push({ feed: textOf(fields[at]), sequence: BigInt(sequence), incarnation, configHash })
  }
  return checkpoints.sort((a, b) => Buffer.compare(Buffer.from(a.feed), Buffer.from(b.feed)))
}

function deadKey({ feed, incarnation, sequence }: DeadResultDraft): string {
  return JSON.stringify([feed, incarnation, sequence.toString()])
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
