using System.Runtime.InteropServices;

namespace SK.FasterVlm.Native;

/// <summary>
/// Reads the layout of ggml's structs off a loaded library: makes a tensor and a view of it and looks where their properties lie.
/// Works before the bindings are connected.
/// </summary>
internal static unsafe class AbiProbe
{
    // A tensor's description is preceded by a header of its context (GGML_OBJECT_SIZE).
    const int ObjectBytes = 32;

    /// <summary>What differs from the bindings, in one line; null when nothing does.</summary>
    internal static string? FindDifference(NativeLibraries libraries)
    {
        nint library = libraries.GgmlBase;
        var overhead = (delegate* unmanaged[Cdecl]<nuint>)NativeLibrary.GetExport(library, "ggml_tensor_overhead");
        if (overhead() != (nuint)(sizeof(ggml_tensor) + ObjectBytes))
            return $"ggml_tensor has {(long)overhead() - ObjectBytes} bytes instead of {sizeof(ggml_tensor)}";
        return Types(library) ?? Tensor(library);
    }

    static string? Types(nint library)
    {
        var name = (delegate* unmanaged[Cdecl]<ggml_type, byte*>)NativeLibrary.GetExport(library, "ggml_type_name");
        var traits = (delegate* unmanaged[Cdecl]<ggml_type, ggml_type_traits*>)NativeLibrary.GetExport(library, "ggml_get_type_traits");
        foreach (ggml_type type in Enum.GetValues<ggml_type>())
        {
            string expected = type.ToString()["GGML_TYPE_".Length..];
            if (!expected.Equals(Utf8.Read(name(type)), StringComparison.OrdinalIgnoreCase))
                return $"type {(int)type} is {Utf8.Read(name(type))} instead of {expected}";
        }
        ggml_type_traits* q8 = traits(ggml_type.GGML_TYPE_Q8_0), f16 = traits(ggml_type.GGML_TYPE_F16);
        bool same = (q8->blck_size, q8->type_size, q8->is_quantized) == (32, (nuint)34, (byte)1)
            && (f16->blck_size, f16->type_size, f16->is_quantized) == (1, (nuint)2, (byte)0) && f16->to_float is not null;
        return same ? null : "ggml_type_traits is laid out differently";
    }

    static string? Tensor(nint library)
    {
        var init = (delegate* unmanaged[Cdecl]<ggml_init_params, ggml_context*>)NativeLibrary.GetExport(library, "ggml_init");
        var free = (delegate* unmanaged[Cdecl]<ggml_context*, void>)NativeLibrary.GetExport(library, "ggml_free");
        var make = (delegate* unmanaged[Cdecl]<ggml_context*, ggml_type, long, long, ggml_tensor*>)NativeLibrary.GetExport(
            library, "ggml_new_tensor_2d");
        var view = (delegate* unmanaged[Cdecl]<ggml_context*, ggml_tensor*, long, nuint, ggml_tensor*>)NativeLibrary.GetExport(
            library, "ggml_view_1d");
        var name = (delegate* unmanaged[Cdecl]<ggml_tensor*, byte*, ggml_tensor*>)NativeLibrary.GetExport(library, "ggml_set_name");

        ggml_context* context = init(new ggml_init_params { mem_size = 4096, no_alloc = 1 });
        if (context is null) return "ggml_init gives no context";
        try
        {
            ggml_tensor* whole = make(context, ggml_type.GGML_TYPE_F16, 6, 5), part = view(context, whole, 3, 8);
            fixed (byte* text = "probe"u8) name(whole, text);
            bool same = whole->type == ggml_type.GGML_TYPE_F16 && whole->buffer is null && whole->data is null
                && (whole->ne[0], whole->ne[1], whole->ne[2], whole->ne[3]) == (6, 5, 1, 1)
                && (whole->nb[0], whole->nb[1], whole->nb[2]) == (2, 12, 60)
                && whole->view_src is null && Utf8.Read(whole->name) == "probe"
                && part->view_src == whole && part->view_offs == 8 && part->src[0] == (nint)whole && part->ne[0] == 3;
            return same ? null : "ggml_tensor is laid out differently";
        }
        finally
        {
            free(context);
        }
    }
}
