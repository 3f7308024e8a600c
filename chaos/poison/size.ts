/** How large the runs with poison are. */
import type { SqlStage } from '../stage/stage.js'

export interface PoisonRunSize {
  /** Of all parts with poison; clean ones have as many together, and the first part as many as each of them. */
  readonly messages: Readonly<Record<SqlStage['store'], number>>
  /** Parts with poison, before, between and behind which there are clean ones. */
  readonly rounds: number
  /** One in so many is poison. */
  readonly onePoisonIn: number
  /**
   * Of all the poison, those that end their process, in the first part that has any; the rest is of the other four
   * kinds in equal parts. Few: each ends three processes, which have to start again, and of the first the claims are
   * delivered message by message (decision 0005), by all relays at once. One costs what 2,000 to 3,000 deliveries cost;
   * with equal shares nothing else would be measured.
   */
  readonly killing: number
  /** How often a processor of dead letters is killed in a part, at each of its points, once its rate is known. */
  readonly processorKills: number
  /** Of healthy messages delivered in a second, the share that poison must leave. */
  readonly leastThroughput: number
}

/** Too short for its throughput to mean much: one death is a good part of it. */
export const QUICK: PoisonRunSize = {
  messages: { postgres: 3_000, sqlite: 3_000 }, rounds: 1, onePoisonIn: 100, killing: 1, processorKills: 1,
  leastThroughput: 0.2,
}

export const FULL: PoisonRunSize = {
  messages: { postgres: 100_000, sqlite: 100_000 }, rounds: 3, onePoisonIn: 100, killing: 1, processorKills: 1,
  leastThroughput: 0.9,
}

export function soakOf(minutes: number): PoisonRunSize {
  const times = Math.max(1, Math.round(minutes / 5))
  return {
    ...FULL, messages: { postgres: times * 100_000, sqlite: times * 100_000 }, rounds: times * FULL.rounds,
  }
}
