import { AppError } from '../../shared/errors/index.ts'
import { isEngineKind } from '../../shared/model/engine.ts'
import type { Engine } from './port.ts'
import { postgres } from './postgres/engine.ts'

const engines: Readonly<Partial<Record<string, Engine>>> = { postgres }

/** The engine of a kind, as named in configuration, Consul meta and manifests. Errors: `engine.unknown`. */
export function engineFor(kind: string): Engine {
  const engine = isEngineKind(kind) ? engines[kind] : undefined
  if (engine === undefined) throw new AppError('engine.unknown', { context: { engine: kind } })
  return engine
}
