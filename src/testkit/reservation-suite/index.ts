/**
 * The conformance suite of providers of reservations. Run it on yours:
 *
 * @example
 * import { test } from 'node:test'
 * import { reservationSuite } from 'waybill/testkit'
 *
 * reservationSuite({ test, open: (settings) => openMyReservations(settings) })
 */
import { registerStoreSuite } from '../store-suite.js'
import { reserveCases, ReservationContext } from './cases.js'
import type { ReservationSuiteOptions } from './options.js'

/** Every case, for tables. */
export const reservationCases: readonly { readonly id: string; readonly title: string }[] =
  reserveCases.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`; skipped cases end in `[skipped: <reason>]`. */
export function reservationSuite(options: ReservationSuiteOptions): void {
  registerStoreSuite({
    contract: 'reservation', cases: reserveCases, test: options.test, skip: options.skip ?? [],
    open: () => ReservationContext.create((settings) => options.open(settings)),
  })
}
