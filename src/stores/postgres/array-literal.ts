/**
 * Arrays as PostgreSQL array literals. Sent as plain text they mean the same through every driver and ORM,
 * which disagree on how they encode arrays.
 */
import { asBuffer } from '../../core/bytes.js'

export function arrayLiteral(values: readonly (string | null)[]): string {
  let last: string | null = null
  let element = 'NULL'
  // Most columns of a batch have the same value in every row.
  return `{${values.map((value) => {
    if (value !== last) element = value === null ? 'NULL' : quoteElement(value)
    last = value
    return element
  }).join(',')}}`
}

export function byteaArrayLiteral(values: readonly (Uint8Array | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : `"\\\\x${asBuffer(value).toString('hex')}"`)).join(',')}}`
}

function quoteElement(value: string): string {
  return /^[0-9A-Za-z_.-]+$/.test(value) && value.toLowerCase() !== 'null'
    ? value
    : `"${value.replace(/["\\]/g, '\\$&')}"`
}
