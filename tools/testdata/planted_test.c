/* Two tests, and a defect that a macro plants: what tools/run-unit --self-test must see. No part of
 * the project's tests. */
#include <criterion/criterion.h>
#include <stdlib.h>

static volatile int forty = 40;

Test(planted, always_passes_on_its_own)
{
    cr_assert(1);
}

Test(planted, passes_but_for_what_is_planted)
{
#if defined(PLANT_LEAK)
    char *volatile memory = malloc(16);
    memory[0] = 'x';
    memory = NULL;
#elif defined(PLANT_USE_AFTER_FREE)
    char *volatile memory = malloc(16);
    free(memory);
    memory[0] = 'x';
#elif defined(PLANT_UNDEFINED)
    volatile int shifted = 1 << forty;
    (void)shifted;
#elif defined(PLANT_FAILURE)
    cr_assert_eq(forty, 41);
#endif
    cr_assert_eq(forty, 40);
}

#if defined(PLANT_EARLY_END)
__attribute__((constructor)) static void end_early(void)
{
    _Exit(0);
}
#endif
