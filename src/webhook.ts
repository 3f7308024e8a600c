/** `waybill/webhook`: deliver messages as signed HTTP requests, and verify them where they arrive. */
export {
  verifyWebhook, type VerifiedWebhook, type VerifyWebhookOptions, type WebhookHeaders,
} from './transports/webhook/verify.js'
export type { PerMessage, WebhookLookup, WebhookOptions, WebhookTls } from './transports/webhook/settings.js'
export { webhook, type WebhookTransport } from './transports/webhook/webhook-transport.js'
