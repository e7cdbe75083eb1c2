/* SPDX-License-Identifier: MIT */
%module kit

%include "ropewalk.i"

%{
#include "kit.h"
%}

%ropewalk_object(kit_counter, kit_counter_type)
%ignore kit_counter_type;
%ignore kit_counter_add;
%ignore kit_counter_wait;
%rename("%(strip:[kit_])s") "";

struct kit_counter {
    %extend {
        int64_t add(int64_t amount) ;
        struct rw_future *wait(int64_t amount) ;
    }
};

%include "kit.h"
