export { createLogger, type LogDestination, type LoggerOptions } from './create-logger.ts'
export { describeError } from './describe-error.ts'
export { type Log, type LogFields, type LogLevel, logLevels, silentLog } from './log.ts'
export { isSecretKey, redact, redacted, redactText } from './redact.ts'
