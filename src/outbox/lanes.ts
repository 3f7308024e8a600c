/** How an application declares its lanes, and how a relay makes sure that the store knows them as it does. */
import { validationError, WaybillError } from '../core/errors.js'
import { MAX_NAME_BYTES } from '../core/limits.js'
import { assertName } from '../core/validate.js'
import { LANE_ORDERINGS, type LaneOrdering, type LaneOrderings, type OutboxStore } from './contract.js'

/** By lane. `migrate` stores them; a relay that disagrees with what is stored does not start. */
export type LaneDeclarations = Readonly<Record<string, LaneDeclaration>>

export interface LaneDeclaration {
  /** How messages of one key follow each other: `none`, `block` or `skip`. */
  readonly ordering: LaneOrdering
}

/** @throws VALIDATION naming the lane. */
export function laneOrderings(lanes: LaneDeclarations = {}): LaneOrderings {
  return Object.fromEntries(Object.entries(lanes).map(([lane, declaration]) => {
    assertName('lanes', lane, MAX_NAME_BYTES)
    const ordering: unknown = (declaration as Partial<LaneDeclaration> | null)?.ordering
    const known = LANE_ORDERINGS.find((each) => each === ordering)
    if (known === undefined) {
      throw validationError(`lanes['${lane}'].ordering`, `must be one of ${LANE_ORDERINGS.join(', ')}`)
    }
    return [lane, known]
  }))
}

/** Asks the store once, before anything is claimed. */
export class LaneCheck {
  readonly #store: OutboxStore
  readonly #lane: string
  readonly #declared: LaneOrdering | undefined
  #passed = false

  constructor(store: OutboxStore, lane: string, declared: LaneOrderings) {
    this.#store = store
    this.#lane = lane
    this.#declared = Object.hasOwn(declared, lane) ? declared[lane] : undefined
  }

  /** @throws LANE_MISMATCH. A lane that the application does not declare is as it is stored. */
  async pass(): Promise<void> {
    if (this.#passed || this.#declared === undefined) return
    const lane = this.#lane
    const { lanes } = await this.#store.settings()
    const stored = (Object.hasOwn(lanes, lane) ? lanes[lane] : undefined) ?? 'none'
    if (stored !== this.#declared) {
      throw new WaybillError('LANE_MISMATCH', `lane '${lane}' is declared with ordering '${this.#declared}' and stored `
        + `with '${stored}'; run migrate with the same lanes`, { details: { lane, declared: this.#declared, stored } })
    }
    this.#passed = true
  }
}
