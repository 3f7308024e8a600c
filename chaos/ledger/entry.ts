/** A line of the ledger: one run on one store. */
import { execFileSync } from 'node:child_process'
import { arch, availableParallelism, platform, release, totalmem } from 'node:os'

/** What is counted of a run. */
export interface RunCounts {
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  /** Or events, or results. */
  readonly messages: number
  readonly restarts: number
  readonly pauses: number
  readonly lostReplies: number
  readonly terminated: number
  readonly clockSteps: number
  readonly receiverFaults: number
  readonly duplicates: number
  readonly deadLetters: number
  /** The slowest delivery, counted from its commit or from the last planned fault. */
  readonly recoveryMs: number
  /** Unplanned: the machine was too slow for a moment. */
  readonly stalls: number
  readonly seconds: number
  /** Of healthy messages in a second, the share of the baseline in the same run; the lowest of several runs. */
  readonly healthyThroughput?: number
  /** What only this kind of run counts, by the words that tell it. */
  readonly own?: Readonly<Record<string, number>>
}

/** The same on one store. */
export interface StoreCounts extends RunCounts {
  readonly store: string
  readonly version: string
  readonly kills: Readonly<Record<string, number>>
  /** To the last message. */
  readonly healthyToTheLast?: number
  readonly healthyPerSecond?: number
  readonly baselinePerSecond?: number
}

export interface LedgerEntry extends StoreCounts {
  /** ISO, UTC, to the second. */
  readonly date: string
  /** With `+` when there were changes that are not in it. */
  readonly commit: string
  readonly run: string
  readonly size: string
  readonly seed: number
  readonly machine: string
}

/** What is the same for all entries of an invocation. */
export function ledgerStamp(root: string): Pick<LedgerEntry, 'date' | 'commit' | 'machine'> {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  const isClean = git('status', '--porcelain') === ''
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const system = `${platform()} ${release().split('-')[0]} ${arch()}`
  return {
    date: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    commit: git('rev-parse', '--short=9', 'HEAD') + (isClean ? '' : '+'),
    machine: `${availableParallelism()} cores, ${memory}, ${system}, Node ${process.versions.node}`,
  }
}
