/**
 * A receiver of webhooks whose effect happens once: verify, then do the message in a transaction that also records it.
 * The answer tells the sender what to do: nothing, try again, or give up.
 */
import { validationError, isWaybillError, type WaybillError } from '../../core/errors.js'
import { assertInteger } from '../../core/validate.js'
import type { OnConcurrent } from '../../inbox/contract.js'
import { verifyWebhook, type VerifiedWebhook, type VerifyWebhookOptions } from './verify.js'

const DEFAULT_MAX_BODY_BYTES = 1_048_576
const MAX_MAX_BODY_BYTES = 64 * 1_048_576
/** How long a sender should wait for the transaction that is doing the message now. */
const IN_PROGRESS_SECONDS = 1

/** What this needs of `waybill.inbox`. */
export interface WebhookInbox<Handle> {
  process(
    tx: Handle, consumer: string, messageId: string, fn: (tx: Handle) => unknown, options: WebhookConcurrency,
  ): Promise<WebhookOutcome>
  processAlone(
    consumer: string, messageId: string, fn: (tx: Handle) => unknown, options: WebhookConcurrency,
  ): Promise<WebhookOutcome>
}

interface WebhookConcurrency {
  readonly onConcurrent: OnConcurrent
}

interface WebhookOutcome {
  readonly processed: boolean
  readonly reason?: string
}

export interface ReceiveWebhookOptions<Handle> extends Pick<VerifyWebhookOptions, 'secrets' | 'toleranceMs' | 'now'> {
  /** `waybill.inbox`. */
  readonly inbox: WebhookInbox<Handle>
  /** Who does it: each consumer does a webhook's id once. 1 to 255 bytes. */
  readonly consumer: string
  /** Begins and commits, where `waybill.transaction` does not: with a driver. Default the store's own client. */
  readonly transaction?: (<T>(work: (tx: Handle) => Promise<T>) => Promise<T>) | undefined
  /** While another request is doing the same id: `skip` answers 503 at once, `wait` waits for it. Default `skip`. */
  readonly onConcurrent?: OnConcurrent | undefined
  /** A longer body is answered 413. Default 1,048,576; at most 64 MiB. */
  readonly maxBodyBytes?: number | undefined
  /** Told what was answered with 401 or was thrown; for logs. What it throws changes nothing. */
  readonly onError?: ((error: unknown) => void) | undefined
}

export interface ReceivedWebhook extends VerifiedWebhook {
  /** As it came over the wire. */
  readonly body: Uint8Array
  readonly headers: Headers
}

/**
 * Answers a webhook's request: 200 when `fn` has committed, or had before; 401 when the signature is not valid; 503
 * while another request is doing it; 500 when `fn` or the commit failed, so that the sender tries again; 422 when `fn`
 * threw a `permanentError`, so that it does not; 429 for a `throttledError`; 405 and 413.
 * @throws VALIDATION when the options are wrong.
 * @example
 * const receive = (request: Request) => receiveWebhook(request, { secrets: [secret], inbox: waybill.inbox,
 *   consumer: 'orders' }, async (tx, { body }) => { await apply(tx, JSON.parse(Buffer.from(body).toString())) })
 * http.createServer(toNodeListener(receive)).listen(8080)
 */
export async function receiveWebhook<Handle>(
  request: Request, options: ReceiveWebhookOptions<Handle>,
  fn: (tx: Handle, webhook: ReceivedWebhook) => unknown,
): Promise<Response> {
  const { secrets, toleranceMs, now, consumer, inbox, onConcurrent = 'skip' } = options
  const max = assertInteger('maxBodyBytes', options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES, 1, MAX_MAX_BODY_BYTES)
  if (typeof fn !== 'function') throw validationError('fn', 'must be a function')
  if (request.method !== 'POST') return answer(405, { allow: 'POST' })
  const body = await bodyOf(request, max)
  if (body === undefined) return answer(413, { connection: 'close' })
  const { headers } = request
  let verified: VerifiedWebhook
  try {
    verified = verifyWebhook({ secrets, headers, body, toleranceMs, now })
  } catch (error) {
    if (!isWaybillError(error, 'SIGNATURE_INVALID')) throw error
    tell(options, error)
    return answer(401)
  }
  const work = (tx: Handle): unknown => fn(tx, { ...verified, body, headers })
  try {
    const outcome = options.transaction === undefined
      ? await inbox.processAlone(consumer, verified.id, work, { onConcurrent })
      : await options.transaction((tx) => inbox.process(tx, consumer, verified.id, work, { onConcurrent }))
    return outcome.reason === 'in_progress' ? answer(503, { 'retry-after': String(IN_PROGRESS_SECONDS) }) : answer(200)
  } catch (error) {
    tell(options, error)
    return answerTo(error)
  }
}

function answer(status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status, headers })
}

/** Nothing of an error is sent but what the sender must do. */
function answerTo(error: unknown): Response {
  if (isWaybillError(error, 'PERMANENT')) return answer(422)
  return isWaybillError(error, 'THROTTLED') ? answer(429, { 'retry-after': secondsOf(error) }) : answer(500)
}

function secondsOf({ details }: WaybillError): string {
  return String(Math.ceil(Number(details['retryAfterMs'] ?? 1_000) / 1_000))
}

function tell<Handle>({ onError }: ReceiveWebhookOptions<Handle>, error: unknown): void {
  try {
    onError?.(error)
  } catch {
    // Whoever listens changes nothing.
  }
}

/** Undefined when it is too long: then it is not read to its end. */
async function bodyOf(request: Request, max: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > max) return undefined
  if (request.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = request.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks)
    size += value.byteLength
    if (size > max) {
      await reader.cancel()
      return undefined
    }
    chunks.push(value)
  }
}
