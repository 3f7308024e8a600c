/** The journal as one would explain it: lists, without concurrency. What stores answer is compared with it. */
import type { EventPlace, JournalEventDraft } from '../../journal/event.js'

export interface ModelEvent extends Pick<EventPlace, 'id' | 'stream' | 'sequence'> {
  readonly tags: readonly string[]
  readonly payload: string
}

export interface ModelAppend {
  readonly drafts: readonly JournalEventDraft[]
  readonly expected: Readonly<Record<string, number>>
  readonly key: string | undefined
}

export type ModelAnswer = 'created' | 'repeated' | 'SEQUENCE_CONFLICT' | 'CONFLICT'

export class JournalModel {
  /** In the order of the commits. */
  readonly events: ModelEvent[] = []
  readonly deletedTo = new Map<string, number>()
  readonly #keys = new Map<string, { readonly content: string; readonly ids: readonly string[] }>()

  answer({ drafts, expected, key }: ModelAppend): ModelAnswer {
    const used = key === undefined ? undefined : this.#keys.get(key)
    if (used !== undefined) return used.content === contentOf(drafts) ? 'repeated' : 'CONFLICT'
    const fits = Object.entries(expected).every(([stream, sequence]) => this.highest(stream) === sequence)
    return fits ? 'created' : 'SEQUENCE_CONFLICT'
  }

  append({ drafts, key }: ModelAppend, ids: readonly string[]): void {
    for (const [n, { stream, tags, payload }] of drafts.entries()) {
      this.events.push({
        id: ids[n] ?? '', stream, sequence: BigInt(this.highest(stream) + 1), tags: [...new Set(tags)],
        payload: JSON.stringify(payload),
      })
    }
    if (key !== undefined) this.#keys.set(key, { content: contentOf(drafts), ids })
  }

  idsOf(key: string): readonly string[] {
    return this.#keys.get(key)?.ids ?? []
  }

  highest(stream: string): number {
    return this.events.filter((event) => event.stream === stream).length
  }

  deleteTo(stream: string, sequence: number): void {
    const last = Math.min(sequence, this.highest(stream))
    if (last > (this.deletedTo.get(stream) ?? 0)) this.deletedTo.set(stream, last)
  }

  read(stream: string): ModelEvent[] {
    return this.events.filter((event) =>
      event.stream === stream && Number(event.sequence) > (this.deletedTo.get(stream) ?? 0))
  }

  streams(): string[] {
    return [...new Set(this.events.map(({ stream }) => stream))].sort()
  }
}

function contentOf(drafts: readonly JournalEventDraft[]): string {
  return JSON.stringify(drafts.map(({ stream, type, tags = [], payload }) =>
    [stream, type, [...new Set(tags)].sort(), payload]))
}
