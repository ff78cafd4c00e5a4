import type { EngineKind } from '../model/engine.ts'

/**
 * Which services hold databases: by name; without one, every service of the catalog that has an instance the tag and
 * the filter let through. At least one of the three.
 */
export interface ServiceSelector {
  readonly name?: string
  /** Only instances with this tag. */
  readonly tag?: string
  /** Only instances that this expression of Consul's own language lets through, such as `ServiceMeta.team == "orders"`. */
  readonly filter?: string
  /** The engine of its instances where their meta says nothing. */
  readonly engine?: EngineKind
}

/** A selector with the name of one service. */
export type NamedSelector = ServiceSelector & { readonly name: string }

/** What is asked, as people read it in a failure. */
export function nameOfQuestion(selector: ServiceSelector, datacenter: string | undefined): string {
  const what =
    selector.name === undefined
      ? `services with ${selector.tag === undefined ? `filter ${selector.filter}` : `tag ${selector.tag}`}`
      : `service ${selector.name}`
  return datacenter === undefined ? what : `${what} in datacenter ${datacenter}`
}
