export { type ConsulDiscoveryOptions, consulDiscovery } from './consul.ts'
export { type ServiceSelector, usualPorts } from './consul-answer.ts'
export type { ConsulTimes } from './consul-service.ts'
export {
  type DiscoveredInstance,
  type Discovery,
  type DiscoverySnapshot,
  instanceKey,
  type SourceHealth,
} from './port.ts'
export { type StaticFileOptions, staticFileDiscovery } from './static-file.ts'
