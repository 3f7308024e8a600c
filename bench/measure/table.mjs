// One table for people, aligned, and the same for Markdown. A cell that could not be measured is a dash.

const text = (cell) => (cell === undefined ? '–' : String(cell))

export function printTable(titles, rows) {
  const lines = [titles, ...rows].map((row) => row.map(text))
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  for (const line of lines) {
    const cells = line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
    console.log(cells.join('  '))
  }
}

export function markdownTable(titles, rows) {
  const line = (cells) => `| ${cells.map((cell) => text(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(titles), line(titles.map((_, column) => (column === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

/** Three digits that count. */
export function short(number) {
  if (number === undefined) return undefined
  if (number >= 1_000) return Math.round(number).toLocaleString('en-US')
  return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2)
}
