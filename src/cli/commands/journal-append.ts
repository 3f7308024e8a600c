/** `waybill journal append`: one event, in a transaction of its own. */
import { Command } from 'commander'
import { MAX_PAYLOAD_BYTES } from '../../core/limits.js'
import type { Codec } from '../../core/codec.js'
import type { JournalEventDraft } from '../../journal/event.js'
import { usageError } from '../cli-error.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import type { Io } from '../io.js'
import { viewOf } from '../journal-view.js'
import { sequence, several, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import { readPayload } from '../payload-file.js'
import { oneLine } from '../printable.js'

interface Flags extends DatabaseFlags {
  readonly type: string
  readonly payload?: string
  readonly file?: string
  readonly contentType?: string
  readonly tag?: readonly string[]
  readonly manifest?: string
  readonly header?: readonly string[]
  readonly expected?: bigint
  readonly key?: string
  readonly scope?: string
}

export function journalAppendCommand(context: Context): Command {
  const command = new Command('append').description('append an event to a stream')
    .argument('<stream>', 'the stream; it need not be there yet')
    .requiredOption('--type <type>', 'what happened, as order.placed')
    .option('--payload <json>', 'the payload (default: --file, else stdin)')
    .option('--file <file>', 'a file that holds the payload')
    .option('--content-type <type>', 'the payload is stored as it is, as this (default: it is JSON)')
    .option('--tag <tag>', 'found by this tag; may be repeated', several)
    .option('--manifest <name>', 'which shape the payload has')
    .option('--header <name=value>', 'stored with it; may be repeated', several)
    .option('--expected <sequence>', 'the number the stream must have now; 0 for a new one', sequence)
    .option('--key <key>', 'the idempotency key: a second append with it appends nothing')
    .option('--scope <scope>', 'the tenant (default: default)')
  return withDatabaseOptions(withCommonOptions(command)).action(async (stream: string, flags: Flags) => {
    const output = context.output(flags)
    const headers = headersOf(flags.header ?? [])
    const bytes = await payloadBytes(context.io, flags)
    const { created, events: [place] } = await withConnection(context.io, flags, ({ waybill, loaded }) => {
      const { type, tag: tags, manifest, expected: expectedSequence, key: idempotencyKey, scope } = flags
      const draft = { stream, type, tags, manifest, headers, ...payloadOf(bytes, flags, loaded?.config.codec) }
      return viewOf(waybill, scope).journal.appendAlone([draft], { expectedSequence, idempotencyKey })
    })
    const { id = '', sequence: number = 0n, position = 0n } = place ?? {}
    if (output.json) {
      return output.document({ created, id, stream, sequence: String(number), position: String(position) })
    }
    output.line(oneLine(`${created ? 'appended' : 'appended before'} ${stream} ${number}  ${id}`))
  })
}

function headersOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(given.map((each) => {
    const end = each.indexOf('=')
    if (end < 1) throw usageError('a header has no name', 'write it as --header name=value')
    return [each.slice(0, end), each.slice(end + 1)]
  }))
}

async function payloadBytes(io: Io, { payload, file }: Flags): Promise<Uint8Array> {
  if (payload !== undefined && file !== undefined) {
    throw usageError('--payload and --file exclude each other', 'leave one of them out')
  }
  if (payload !== undefined) return Buffer.from(payload)
  if (file === undefined) {
    const bytes = await io.input(MAX_PAYLOAD_BYTES)
    if (bytes !== undefined) return bytes
    throw usageError(`stdin has more than ${MAX_PAYLOAD_BYTES} bytes`, 'keep the body elsewhere')
  }
  return readPayload(io, file, 'check --file')
}

/** JSON keeps its bytes, and with them numbers that a number does not hold; another codec encodes for itself. */
function payloadOf(
  bytes: Uint8Array, { contentType }: Flags, codec: Codec | undefined,
): Pick<JournalEventDraft, 'payload' | 'contentType'> {
  if (contentType !== undefined) return { payload: bytes, contentType }
  try {
    const payload = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
    return codec === undefined ? { payload: bytes, contentType: 'application/json' } : { payload }
  } catch {
    throw usageError('the payload is not JSON', 'correct it, or pass --content-type to store it as it is')
  }
}
