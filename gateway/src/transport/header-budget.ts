/**
 * uWebSockets.js allows 4 KB for all headers of a request unless its library finds this variable in the process
 * environment when it is loaded. Import this module before it: modules are evaluated in the order of imports.
 */
// biome-ignore lint/style/noProcessEnv: not a setting that is read, but the only way to tell the library
process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= '16384';
