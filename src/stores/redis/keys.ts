/**
 * The names of keys. All keys of a feed, a subscriber, a heap or a reservation have its name in braces, by which a
 * cluster keeps them on one node, as a script needs them to be. A name that has braces itself must not end the tag:
 * they are written as %7B and %7D, and % as %25.
 *
 *     waybill:feed:{orders}:state   waybill:feed:{orders}:log   waybill:feed:{orders}:rows   waybill:feeds
 */

export class RedisKeys {
  readonly #prefix: string
  /** The names of all that there are, in the order of their bytes. It may have some that are no more. */
  readonly feeds: string
  readonly subscribers: string
  readonly heaps: string

  /** `prefix` has no braces. */
  constructor(prefix: string) {
    this.#prefix = prefix
    this.feeds = `${prefix}feeds`
    this.subscribers = `${prefix}subscribers`
    this.heaps = `${prefix}heaps`
  }

  feed(name: string): { readonly state: string; readonly log: string; readonly rows: string } {
    const tagged = `${this.#prefix}feed:{${escaped(name)}}`
    return { state: `${tagged}:state`, log: `${tagged}:log`, rows: `${tagged}:rows` }
  }

  subscriber(name: string): {
    readonly state: string; readonly checkpoints: string; readonly dead: string; readonly deadOrder: string
  } {
    const tagged = `${this.#prefix}subscriber:{${escaped(name)}}`
    return {
      state: `${tagged}:state`, checkpoints: `${tagged}:checkpoints`, dead: `${tagged}:dead`,
      deadOrder: `${tagged}:dead-order`,
    }
  }

  /** In the order of its scripts. */
  heap(name: string): readonly string[] {
    const tagged = `${this.#prefix}heap:{${escaped(name)}}`
    return ['failures', 'ages', 'errors', 'leases', 'owners', 'fresh'].map((part) => `${tagged}:${part}`)
  }

  /** `text` is one of its own for each reservation. */
  reservation(text: string): string {
    return `${this.#prefix}reservation:{${escaped(text)}}`
  }
}

function escaped(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('{', '%7B').replaceAll('}', '%7D')
}
