/** One line of a document of policies that is another one, is new (no `before`) or is gone (no `after`). */
export interface PolicyChange {
  /** `fleet.rpo`, `rules.production.match.tags.0`, `databases.orders-db/shop.every`. */
  readonly key: string
  readonly before?: string
  readonly after?: string
}

/** What is different between two documents, each as the lines it consists of; in the order of their keys. */
export function diffPolicies(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly PolicyChange[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap(key => {
    const [old, fresh] = [before.get(key), after.get(key)]
    if (old === fresh) return []
    return [
      {
        key,
        ...(old === undefined ? {} : { before: old }),
        ...(fresh === undefined ? {} : { after: fresh }),
      },
    ]
  })
}

/** A change on one line. */
export function changeText({ key, before, after }: PolicyChange): string {
  if (before === undefined) return `+ ${key}: ${after ?? ''}`
  return after === undefined ? `- ${key}: ${before}` : `~ ${key}: ${before} -> ${after}`
}
