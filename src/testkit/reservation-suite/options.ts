/** What the caller of the reservation suite hands in. */
import type { Clock } from '../../core/environment.js'
import type { ReservationProvider } from '../../outbox/reservation.js'
import type { RunnerTest, SuiteSkip } from '../store-suite.js'

export interface OpenReservationSettings {
  /** Absent: the provider's own clock. */
  readonly now?: Clock
}

/** Reservations of its own for one case: none taken, seen by nobody else. */
export interface OpenedReservations {
  readonly provider: ReservationProvider
  /** The same reservations as another process has them; `provider` where there can be no other. */
  readonly other: ReservationProvider
  close(): Promise<void>
}

export interface ReservationSuiteOptions {
  /** The runner's own `test`, as for `outboxStoreSuite`. */
  readonly test: RunnerTest
  open(settings: OpenReservationSettings): Promise<OpenedReservations>
  /** Cases that this provider cannot pass. A skip that names no case, or gives no reason, fails. */
  readonly skip?: readonly SuiteSkip[]
}
