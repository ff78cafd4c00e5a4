export { type AwsKmsOptions, awsKms } from './aws-kms.ts'
export { type KeyContext, type KeyService, keyContext } from './key-service.ts'
export {
  checkEncryption,
  type EncryptionPlan,
  type EncryptionSettings,
  type EncryptionWorld,
  noEncryption,
  planEncryption,
} from './plan.ts'
export { openSeal, type Seal } from './seal.ts'
export { type Unsealed, unseal } from './unseal.ts'
