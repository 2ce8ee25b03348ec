/* xosim: the control endpoint: SRs that are forgotten and introduced again, hosts that leave. */
#include "xosim/control_internal.h"

#include "base/json.h"
#include "xosim/xapi_sr.h"

/* What XAPI would answer, as an error of this endpoint. Steals `error_info`. */
static int refuse(struct control *control, json_t *error_info)
{
    const char *code = json_string_value(json_array_get(error_info, 0));
    int status = control_fail(control, 409, "%s is not possible now: XAPI answers %s",
                              control->segments[2], code ? code : "nothing");
    json_decref(error_info);
    return status;
}

int control_post_forget(struct control *control)
{
    struct xapi_sr *sr = site_find(control->site, XAPI_SR, control->segments[1]);
    json_t *error_info = sr ? xapi_sr_forget_refused(sr) : NULL;
    if (!sr)
        return control_fail(control, 404, "there is no SR \"%s\"; see GET /world",
                            control->segments[1]);
    if (error_info)
        return refuse(control, error_info);
    xapi_sr_forget(control->site->xapi, sr);
    return control_answer(control, 200, json_object());
}

int control_post_introduce(struct control *control)
{
    struct xapi_sr *sr = xapi_sr_forgotten(control->site->xapi, control->segments[1]);
    if (!sr)
        return control_fail(control, 404, "no SR \"%s\" is forgotten", control->segments[1]);
    xapi_sr_introduce(control->site->xapi, sr);
    return control_answer(control, 200, json_object());
}

int control_post_eject(struct control *control)
{
    struct xapi_host *host = site_find(control->site, XAPI_HOST, control->segments[1]);
    json_t *error_info = host ? xapi_host_eject_refused(host) : NULL;
    if (!host)
        return control_fail(control, 404, "there is no host \"%s\"; see GET /world",
                            control->segments[1]);
    if (error_info)
        return refuse(control, error_info);
    xapi_host_remove(control->site->xapi, host);
    return control_answer(control, 200, json_object());
}
