import type { ServiceView } from './consul-service.ts'
import { type DiscoveredInstance, type DiscoverySnapshot, instanceKey, type SourcePart } from './port.ts'

/** One question's place in the snapshot. */
export interface ConsulPart {
  readonly part: SourcePart
  view: ServiceView | undefined
}

/**
 * What all questions to Consul come to. The first snapshot waits for every question's first answer or failure; later
 * ones do not: a question that has just begun is a part of which nothing is sure.
 */
export class ConsulParts {
  readonly #source: string
  readonly #report: (snapshot: DiscoverySnapshot) => void
  readonly #parts = new Set<ConsulPart>()
  #told = false

  constructor(source: string, report: (snapshot: DiscoverySnapshot) => void) {
    this.#source = source
    this.#report = report
  }

  open(part: SourcePart): ConsulPart {
    const opened: ConsulPart = { part, view: undefined }
    this.#parts.add(opened)
    return opened
  }

  set(part: ConsulPart, view: ServiceView): void {
    part.view = view
    this.#tell()
  }

  close(part: ConsulPart): void {
    this.#parts.delete(part)
    this.#tell()
  }

  #tell(): void {
    const parts = [...this.#parts]
    if (!this.#told && parts.some(each => each.view === undefined)) return
    this.#told = true
    const unsure = parts.filter(({ view }) => view === undefined || view.error !== undefined)
    const error = parts.find(({ view }) => view?.error !== undefined)?.view?.error
    this.#report({
      source: this.#source,
      instances: once(parts.flatMap(({ view }) => view?.instances ?? [])),
      ...(error === undefined ? { health: { kind: 'ok' } } : { health: { kind: 'failing', error } }),
      ...(unsure.length === 0 ? {} : { unsure: unsure.map(({ part }) => part) }),
    })
  }
}

/** Selectors may overlap: an instance is told once, with the first engine that any of them gives it. */
function once(found: readonly DiscoveredInstance[]): readonly DiscoveredInstance[] {
  const all = new Map<string, DiscoveredInstance>()
  for (const instance of found) {
    const key = instanceKey(instance)
    const known = all.get(key)
    if (known === undefined || (known.engine === undefined && instance.engine !== undefined))
      all.set(key, instance)
  }
  return [...all.values()]
}
