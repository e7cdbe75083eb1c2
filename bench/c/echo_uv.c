/* SPDX-License-Identifier: MIT
 *
 * echo_uv.c - the echo server on libuv, the fast way: one receive buffer for all, written at once where the socket takes
 * it (uv_try_write), and only a rest copied and queued. Prints its port.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static char buffer[16384];

static void give_buffer(uv_handle_t *handle, size_t size, uv_buf_t *out)
{
    (void)handle;
    (void)size;
    *out = uv_buf_init(buffer, sizeof buffer);
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void free_request(uv_write_t *request, int status)
{
    (void)status;
    free(request);
}

/* The request and the bytes it still has to write are one block. */
static void write_rest(uv_stream_t *stream, const char *data, size_t size)
{
    uv_write_t *request = malloc(sizeof *request + size);

    if (request == NULL) {
        exit(1);
    }
    uv_buf_t rest = uv_buf_init(memcpy(request + 1, data, size), (unsigned)size);

    if (uv_write(request, stream, &rest, 1, free_request) != 0) {
        free(request);
    }
}

static void echo(uv_stream_t *stream, ssize_t size, const uv_buf_t *data)
{
    if (size < 0) {
        uv_close((uv_handle_t *)stream, free_handle);
        return;
    }
    uv_buf_t out = uv_buf_init(data->base, (unsigned)size);
    ssize_t written = size > 0 ? uv_try_write(stream, &out, 1) : 0;

    if (written < 0 && written != UV_EAGAIN) {
        uv_close((uv_handle_t *)stream, free_handle);
        return;
    }
    written = written < 0 ? 0 : written;
    if (written < size) {
        write_rest(stream, data->base + written, (size_t)(size - written));
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *tcp = malloc(sizeof *tcp);

    if (status != 0 || tcp == NULL) {
        exit(1);
    }
    uv_tcp_init(listener->loop, tcp);
    uv_accept(listener, (uv_stream_t *)tcp);
    uv_tcp_nodelay(tcp, 1);
    uv_read_start((uv_stream_t *)tcp, give_buffer, echo);
}

int main(void)
{
    uv_tcp_t listener;
    struct sockaddr_in address;
    int size = sizeof address;

    uv_tcp_init(uv_default_loop(), &listener);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_bind(&listener, (struct sockaddr *)&address, 0);
    if (uv_listen((uv_stream_t *)&listener, 1024, on_connection) != 0) {
        return 1;
    }
    uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
