/** How many random histories a case runs: a few in every test run, thousands in `npm run histories`. */
import process from 'node:process'

const asked = process.env['WAYBILL_TEST_HISTORIES']

export const histories = asked === undefined ? undefined : Number(asked)
