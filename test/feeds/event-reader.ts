/** Reads Server-Sent Events as a browser does, from pieces that end anywhere. */

export interface ServerSentEvent {
  readonly name: string
  /** What a browser would send when it came back now. */
  readonly lastEventId: string
  readonly document: unknown
}

export class EventParser {
  lastEventId = ''
  retryMs: number | undefined
  comments = 0
  #rest = ''
  #name = ''
  #lines: string[] = []
  #id: string | undefined
  readonly #decoder = new TextDecoder()

  /** The events that this piece completes. */
  read(piece: Uint8Array): ServerSentEvent[] {
    const lines = (this.#rest + this.#decoder.decode(piece, { stream: true })).split('\n')
    this.#rest = lines.pop() ?? ''
    return lines.flatMap((line) => this.#line(line))
  }

  #line(line: string): ServerSentEvent[] {
    if (line === '') return this.#dispatch()
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
    if (field === '') this.comments += 1
    else if (field === 'event') this.#name = value
    else if (field === 'data') this.#lines.push(value)
    else if (field === 'id') this.#id = value
    else if (field === 'retry') this.retryMs = Number(value)
    return []
  }

  #dispatch(): ServerSentEvent[] {
    this.lastEventId = this.#id ?? this.lastEventId
    const lines = this.#lines
    const name = this.#name
    this.#lines = []
    this.#name = ''
    this.#id = undefined
    return lines.length === 0 ? [] : [{ name, lastEventId: this.lastEventId, document: JSON.parse(lines.join('\n')) as unknown }]
  }
}

/** Events one by one. `leave` goes away as a closed tab does. */
export class EventReader {
  readonly parser = new EventParser()
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #ready: ServerSentEvent[] = []

  constructor(response: Response) {
    this.#reader = response.body!.getReader()
  }

  /** Undefined at the end. */
  async next(): Promise<ServerSentEvent | undefined> {
    while (this.#ready.length === 0) {
      const { done, value } = await this.#reader.read()
      if (done) return undefined
      this.#ready.push(...this.parser.read(value))
    }
    return this.#ready.shift()
  }

  /** Up to one of this name. */
  async until(name: string): Promise<ServerSentEvent[]> {
    const events: ServerSentEvent[] = []
    for (;;) {
      const event = await this.next()
      if (event === undefined) throw new Error(`ended before ${name}`)
      events.push(event)
      if (event.name === name) return events
    }
  }

  /** One piece, whatever is in it. */
  async piece(): Promise<string> {
    const { value } = await this.#reader.read()
    return Buffer.from(value ?? []).toString()
  }

  async leave(): Promise<void> {
    await this.#reader.cancel()
  }
}

/** Keeps rows as a page does: what it ends with must be what the feed has. */
export class RowKeeper {
  readonly rows = new Map<string, unknown>()
  readonly sequences: string[] = []
  readonly resets: unknown[] = []

  apply({ name, document }: ServerSentEvent): void {
    if (name === 'snapshot-begin') this.rows.clear()
    else if (name === 'snapshot-rows') for (const row of document as { signature: string; value?: unknown }[]) this.#set(row.signature, row.value)
    else if (name === 'reset') this.resets.push(document)
    else if (name === 'result') {
      const { sequence, changes } = document as { sequence: string; changes: { signature: string; after?: unknown; op: string }[] }
      this.sequences.push(sequence)
      for (const { op, signature, after } of changes) if (op !== 'noop') this.#set(signature, after)
    }
  }

  #set(signature: string, value: unknown): void {
    if (value === undefined) this.rows.delete(signature)
    else this.rows.set(signature, value)
  }
}
