/**
 * Whether `text` matches `pattern`, in which `*` stands for any run of characters, none included; everything
 * else is itself, case included. Linear in practice: no backtracking expression is built from configuration.
 */
export function matches(pattern: string, text: string): boolean {
  return matcherOf(pattern)(text)
}

/** The same for many texts: what there is to know of the pattern is found out once. */
export function matcherOf(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return text => text === pattern
  const last = rest.pop() ?? ''
  return text => {
    if (!text.startsWith(first)) return false
    let at = first.length
    for (const piece of rest) {
      const found = text.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return text.length - last.length >= at && text.endsWith(last)
  }
}
