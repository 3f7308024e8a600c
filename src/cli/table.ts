/** A table of text for people: columns as wide as their widest cell, and no line wider than the terminal. */
import type { Output } from './output.js'
import { cut, oneLine, padEnd, padStart, widthOf } from './printable.js'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** A column that may shrink does not go below this. The others keep the width of their widest cell. */
  readonly shrinksTo?: number
  /** However wide the terminal is. */
  readonly widest?: number
}

const GAP = '  '

/** The lines: the titles first. `width` undefined means as wide as need be. */
export function tableLines(
  columns: readonly Column[], rows: readonly (readonly string[])[], width: number | undefined,
): string[] {
  const cells = rows.map((row) => row.map(oneLine))
  const widths = fit(columns, columns.map((column, index) => naturalWidth(column, index, cells)), width)
  const line = (row: readonly string[]): string => row.map((cell, index) => {
    const columnWidth = widths[index] ?? 0
    const shown = cut(cell, columnWidth)
    return columns[index]?.align === 'right' ? padStart(shown, columnWidth) : padEnd(shown, columnWidth)
  }).join(GAP).trimEnd()
  const lines = [columns.map(({ title }) => title), ...cells].map(line)
  return width === undefined ? lines : lines.map((text) => cut(text, width))
}

export function printTable(
  output: Output, columns: readonly Column[], rows: readonly (readonly string[])[],
): void {
  const [titles = '', ...lines] = tableLines(columns, rows, output.width)
  output.line(output.styled('bold', titles))
  for (const line of lines) output.line(line)
}

function naturalWidth(column: Column, index: number, rows: readonly (readonly string[])[]): number {
  const widest = rows.reduce((most, row) => Math.max(most, widthOf(row[index] ?? '')), widthOf(column.title))
  return Math.min(widest, column.widest ?? Infinity)
}

/** Takes what is too much from the widest column that may shrink, one by one. */
function fit(columns: readonly Column[], natural: readonly number[], width: number | undefined): number[] {
  const widths = [...natural]
  if (width === undefined) return widths
  let excess = widths.reduce((sum, one) => sum + one, 0) + GAP.length * (columns.length - 1) - width
  while (excess > 0) {
    const room = widths.map((one, index) => one - (columns[index]?.shrinksTo ?? Infinity))
    const candidates = widths.map((_, index) => index).filter((index) => (room[index] ?? 0) > 0)
    if (candidates.length === 0) break
    const widest = candidates.reduce((best, index) =>
      ((widths[index] ?? 0) > (widths[best] ?? 0) ? index : best))
    widths[widest] = (widths[widest] ?? 0) - 1
    excess -= 1
  }
  return widths
}
