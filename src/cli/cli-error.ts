/** Failures of the program itself, and how any failure is told: what happened, and what to do next. */
import { isWaybillError, type WaybillErrorCode } from '../core/errors.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { maskSecrets } from '../core/masking.js'
import { oneLine } from './printable.js'

export interface CliErrorOptions {
  /** What to do next, a sentence without its full stop. */
  readonly next: string
  readonly exitCode?: ExitCode
  readonly cause?: unknown
}

export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: string
  readonly next: string
  readonly exitCode: ExitCode

  constructor(code: string, message: string, options: CliErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.next = options.next
    this.exitCode = options.exitCode ?? EXIT.failed
  }
}

export function usageError(message: string, next: string): CliError {
  return new CliError('USAGE', message, { next, exitCode: EXIT.usage })
}

export interface Failure {
  readonly code: string
  readonly message: string
  readonly next: string
  readonly exitCode: ExitCode
}

const NEXT: Partial<Record<WaybillErrorCode, string>> = {
  CONFIG_INVALID: 'correct the URL or the configuration and run this again',
  CONFLICT: 'a new fact needs a new key',
  DRIVER_MISSING: 'install it and run this again',
  EPOCH_CHANGED: 'read from the start, or move the publisher with `waybill journal rebase`',
  LANE_MISMATCH: 'run `waybill migrate` with this configuration, or correct its lanes',
  NOT_MIGRATED: 'run `waybill migrate` against this database',
  SEQUENCE_CONFLICT: 'read what was appended meanwhile, and decide again',
  STORE_UNAVAILABLE: 'check that the database is there and that the URL is right',
  TRANSACTION_ABORTED: 'run this again; somebody else was writing',
  UNSUPPORTED: 'see what each source of dead letters can do in docs/dead-letters.md',
  VALIDATION: 'correct this value and run this again',
}

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof CliError) {
    const { code, message, next, exitCode } = thrown
    return { code, message: tellable(message), next, exitCode }
  }
  if (isWaybillError(thrown)) {
    const { code } = thrown
    return {
      code,
      message: tellable(withCause(thrown)),
      next: NEXT[code] ?? 'run this again with --verbose to see where it comes from',
      exitCode: code === 'CONFIG_INVALID' || code === 'VALIDATION' ? EXIT.usage : EXIT.failed,
    }
  }
  return {
    code: 'UNEXPECTED',
    message: tellable(thrown instanceof Error ? thrown.message || thrown.name : String(thrown)),
    next: 'run this again with --verbose to see where it comes from',
    exitCode: EXIT.failed,
  }
}

/** What a database said is worth more than that it said something. */
function withCause(error: Error & { readonly code: WaybillErrorCode }): string {
  const { cause } = error
  if (!(cause instanceof Error) || !/^(?:STORE_|CORRUPT)/.test(error.code)) return error.message
  // A refused connection to several addresses has its text in its parts.
  const text = cause instanceof AggregateError && cause.message === ''
    ? cause.errors.map((each: unknown) => (each instanceof Error ? each.message : String(each))).join(', ')
    : cause.message
  return text === '' ? error.message : `${error.message}: ${text}`
}

function tellable(message: string): string {
  return oneLine(maskSecrets(message.replaceAll(/\s*\n\s*/g, ' ').trim()))
}

/** For `--verbose`, with what caused it. */
export function stackOf(thrown: unknown): string {
  const stacks: string[] = []
  for (let each = thrown; stacks.length < 5; each = each.cause) {
    stacks.push(each instanceof Error ? each.stack ?? each.message : String(each))
    if (!(each instanceof Error) || each.cause === undefined) break
  }
  return stacks.join('\n  caused by: ')
}
