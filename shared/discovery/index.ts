export { type ConsulDiscoveryOptions, consulDiscovery } from './consul.ts'
export { usualPorts } from './consul-answer.ts'
export { type ConsulKeyOptions, type ConsulKeyView, watchConsulKey } from './consul-kv.ts'
export type { ConsulTls } from './consul-line.ts'
export type { ServiceSelector } from './consul-selector.ts'
export type { ConsulTimes } from './consul-watch.ts'
export {
  type DiscoveredInstance,
  type Discovery,
  type DiscoverySnapshot,
  instanceKey,
  isSure,
  type SourceHealth,
  type SourcePart,
} from './port.ts'
export { type StaticFileOptions, staticFileDiscovery } from './static-file.ts'
