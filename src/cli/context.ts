/** What every command gets: its surroundings, and a place for its exit code. */
import type { ExitCode } from './exit-codes.js'
import type { Io } from './io.js'
import type { CommonFlags } from './options.js'
import { Output } from './output.js'

export interface Context {
  readonly io: Io
  output(flags: CommonFlags): Output
  /** The code to end with; 0 unless told. */
  exitWith(code: ExitCode): void
}

export function createContext(io: Io): Context & { readonly exitCode: ExitCode } {
  let exitCode: ExitCode = 0
  return {
    io,
    output: ({ json = false, verbose = false }) => new Output(io, { json, verbose }),
    exitWith(code) {
      exitCode = code
    },
    get exitCode() {
      return exitCode
    },
  }
}
