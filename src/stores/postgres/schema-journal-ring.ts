/**
 * The ring: events and their tags are in eight leaves, by position.
 *
 *     positions  0 … 2²⁰−1 │ 2²⁰ … 2·2²⁰−1 │ … │ 7·2²⁰ … 8·2²⁰−1 │ 8·2²⁰ … │ …
 *     leaf            0    │       1        │ … │        7         │     0    │ 1 …
 *
 * A span of positions is in one leaf, and the spans wander around by themselves: nothing is made ahead of time, and no
 * leaf is missing. A leaf whose events may all go is truncated; what of an older span shares one with newer
 * events is deleted row by row.
 *
 * No index over all leaves can be unique, because the key of the ring is an expression. Each leaf has a unique one of
 * its own, and a position is in one leaf only.
 */
export const LEAVES = 8

/** The leaf of a position. */
export function leafOf(position: string): string {
  return `((${position} >> 20) & ${LEAVES - 1})`
}

/** `key`: the columns of the leaf's unique index. */
export function ringOf(table: string, key: string): string {
  return Array.from({ length: LEAVES }, (_, leaf) => `
create table ${table}_${leaf} partition of ${table} for values in (${leaf});
create unique index ${table}_${leaf}_key on ${table}_${leaf} (${key});`).join('').trim()
}
