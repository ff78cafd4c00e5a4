const levels = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/**
 * A trend in as many columns as it has values, oldest first. It begins at zero where the values differ by more than
 * half, so that steady ones do not look wild.
 */
export function sparkline(values: readonly number[]): string {
  const highest = Math.max(...values)
  const lowest = Math.min(...values)
  if (values.length === 0 || highest <= 0) return ''
  const from = lowest < highest / 2 ? 0 : lowest - (highest - lowest || highest) / 2
  return values
    .map(value => levels[Math.round(((value - from) / (highest - from)) * (levels.length - 1))] ?? '')
    .join('')
}

/** What a trend comes to, beside its line: `+18 % over 10`; empty for fewer than two. */
export function change(values: readonly number[]): string {
  const [first = 0] = values
  const last = values.at(-1) ?? 0
  if (values.length < 2 || first <= 0) return ''
  const percent = Math.round(((last - first) / first) * 100)
  return `${percent > 0 ? '+' : ''}${percent} % over ${values.length}`
}
