/** What a publisher gives to its runner, without the runner. */
import { jsonCodec } from '../../src/core/codec.js'
import type { JournalStore } from '../../src/journal/contract.js'
import { Journal } from '../../src/journal/journal.js'
import type { ProgressStore } from '../../src/journal/progress.js'
import type { PublisherBatch } from '../../src/journal/publisher-batch.js'
import { publisherSettings } from '../../src/journal/publisher-options.js'
import { PublisherSource } from '../../src/journal/publisher-source.js'

export interface SourcePlace {
  readonly journal: JournalStore
  readonly progress: ProgressStore
  readonly now: () => number
  readonly name: string
  readonly leaseMs: number
}

export function sourceOf(consumer: string, { name, leaseMs, ...place }: SourcePlace): PublisherSource {
  return new PublisherSource({
    ...place, offsets: undefined, scope: undefined, settings: publisherSettings({ name, leaseMs, consumer }, undefined),
    onFatal: (error) => {
      throw error
    },
  })
}

export async function appendTo(journal: JournalStore, streams: readonly string[]): Promise<void> {
  const events = new Journal<unknown>(journal, (tx) => tx, { codec: jsonCodec })
  await events.appendAlone(streams.map((stream) => ({ stream, type: 'thing.happened', payload: {} })))
}

export async function pullSome(source: PublisherSource, limit: number): Promise<PublisherBatch> {
  const batch = await source.pull(limit, new AbortController().signal)
  if (batch === null) throw new Error('nothing was given')
  return batch
}

/** `stream:number` of each. */
export const namesOf = ({ items }: PublisherBatch): string[] =>
  items.map(({ event }) => `${event.stream}:${event.sequence}`)
