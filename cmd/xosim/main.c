/*
 * xosim: a simulator of a Xen Orchestra and of the pools behind it.
 *
 * Flow: flags → world → site (XAPI under Xen Orchestra) → server → ready file → the loop, until
 * SIGTERM or SIGINT.
 */
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "xosim/options.h"
#include "xosim/server.h"
#include "xosim/site.h"
#include "xosim/world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct server *running;

static void on_signal(int number)
{
    (void)number;
    if (running)
        server_stop(running);
}

static int write_ready_file(const struct options *options, const struct server *server,
                            struct err *err)
{
    cleanup_str char *next = str_new("%s.new", options->ready_file);
    FILE *file = fopen(next, "we");
    if (!file)
        return err_set_errno(err, errno, "--ready-file: %s", next);
    int written =
        fprintf(file, "{\"url\":\"%s://%s:%d\",\"control\":\"http://%s:%d\"}\n",
                options->tls_cert ? "https" : "http", options->listen.address, server_port(server),
                options->control.address, server_control_port(server));
    if (fclose(file) != 0 || written < 0 || rename(next, options->ready_file) != 0)
        return err_set_errno(err, errno, "--ready-file: %s", options->ready_file);
    return 0;
}

static void handle_signals(void)
{
    const struct sigaction stop = {.sa_handler = on_signal};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGTERM, &stop, NULL);   /* these numbers are always valid */
    (void)sigaction(SIGINT, &stop, NULL);    /* the same */
    (void)sigaction(SIGPIPE, &ignore, NULL); /* the same */
}

static int serve(const struct options *options, struct site *site, struct err *err)
{
    struct server *server = NULL;
    if (server_new(options, site, &server, err) != 0)
        return -1;
    running = server;
    int result = options->ready_file ? write_ready_file(options, server, err) : 0;
    if (result == 0) {
        log_info("serving", log_str("world", options->world), log_int("port", server_port(server)),
                 log_int("controlPort", server_control_port(server)));
        server_run(server);
        log_info("ending");
    }
    running = NULL;
    server_free(server);
    return result;
}

static int run(const struct options *options, struct err *err)
{
    cleanup_world struct world world = {0};
    struct site *site = NULL;
    if (world_read_file(&world, options->world, err) != 0)
        return -1;
    const struct site_options site_options = {.world = &world,
                                              .state_dir = options->state_dir,
                                              .seed = options->seed};
    if (site_new(&site_options, &site, err) != 0)
        return -1;
    int result = serve(options, site, err);
    site_free(site);
    return result;
}

int main(int argc, char **argv)
{
    struct options options;
    struct err err = {0};
    if (options_parse(&options, argc, argv, &err) != 0) {
        (void)fprintf(stderr, "xosim: %s\n", err.message); /* there is nobody else to tell */
        return 2;
    }
    if (options.help || options.version) {
        (void)fputs(options.help ? options_help : "xosim " XO_VERSION "\n",
                    stdout); /* there is nobody else to tell */
        for (size_t i = 0; options.help && faults_name(i); i++)
            (void)printf("  %s\n", faults_name(i)); /* the same */
        return 0;
    }
    log_configure(options.log_level, LOG_TEXT);
    handle_signals();
    if (run(&options, &err) == 0)
        return 0;
    (void)fprintf(stderr, "xosim: %s\n", err.message); /* there is nobody else to tell */
    return 1;
}
