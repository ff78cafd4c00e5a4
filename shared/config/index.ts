export { type Environment, readEnvironment, reservedVariables } from './environment.ts'
export {
  byteSize,
  duration,
  type HostPort,
  hostPort,
  parseByteSize,
  parseHostPort,
  secret,
  secretFile,
  showByteSize,
  showDuration,
  url,
} from './fields.ts'
export { type Loaded, type LoadOptions, loadConfig, type ResolveOptions, resolveConfig } from './load.ts'
export { asWritten, type ConfigEntry } from './render.ts'
export { type ParsedYaml, parseYaml, readYamlFile, toYaml, type YamlText } from './yaml-file.ts'
