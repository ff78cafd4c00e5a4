/** A node of an answer: text, or elements. */
export type Xml = string | number | boolean | { readonly [name: string]: Xml | readonly Xml[] | undefined }

/** Writes an S3 answer. */
export function xml(root: string, content: Xml): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(root, content)}`
}

function element(name: string, content: Xml): string {
  if (typeof content !== 'object') return `<${name}>${escaped(String(content))}</${name}>`
  const inner = Object.entries(content).flatMap(([child, value]) =>
    value === undefined
      ? []
      : Array.isArray(value)
        ? value.map(each => element(child, each))
        : [element(child, value as Xml)],
  )
  return `<${name}>${inner.join('')}</${name}>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** The texts of all elements of a name in a small request body. */
export function texts(body: string, name: string): readonly string[] {
  return [...body.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text]) =>
    (text ?? '')
      .replaceAll('&quot;', '"')
      .replaceAll('&#34;', '"')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&'),
  )
}
