import { AppError } from '../../shared/errors/index.ts'
import { type EngineKind, isEngineKind } from '../../shared/model/engine.ts'
import { mysqlFamily } from './mysql/engine.ts'
import type { Engine } from './port.ts'
import { postgres } from './postgres/engine.ts'

const engines: Readonly<Record<EngineKind, Engine>> = {
  postgres,
  mysql: mysqlFamily('mysql'),
  mariadb: mysqlFamily('mariadb'),
}

/** The engine of a kind, as named in configuration, Consul meta and manifests. Errors: `engine.unknown`. */
export function engineFor(kind: string): Engine {
  if (!isEngineKind(kind)) throw new AppError('engine.unknown', { context: { engine: kind } })
  return engines[kind]
}
