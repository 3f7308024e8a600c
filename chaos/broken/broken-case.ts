/** Something that is wrong on purpose, and the rule that must find it. */
import type { LaneOrdering } from 'waybill'
import type { Rule } from 'waybill/testkit'
import type { Stand } from './stand.js'

export interface BrokenCase {
  readonly name: string
  readonly rule: Rule
  readonly store?: 'postgres'
  readonly ordering?: LaneOrdering
  /** Declares the lane otherwise than it is judged, when broken. */
  readonly declaredWhenBroken?: LaneOrdering
  /** The same steps, once with what is wrong and once without; the second history must be valid. */
  run(stand: Stand, isBroken: boolean): Promise<void>
}
