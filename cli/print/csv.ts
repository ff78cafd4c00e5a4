/**
 * Rows as CSV (RFC 4180), lines ended by LF. A cell that a spreadsheet would take for a formula gets an apostrophe in
 * front: what is exported was written by anybody.
 *
 * @param headings none: rows alone
 */
export function csv(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [...(headings.length === 0 ? [] : [headings]), ...rows]
    .map(row => `${row.map(cell).join(',')}\n`)
    .join('')
}

function cell(value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
