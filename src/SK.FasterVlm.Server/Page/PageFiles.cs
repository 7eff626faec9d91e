using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;
using SK.FasterVlm.Server.Security;

namespace SK.FasterVlm.Server.Page;

/// <summary>
/// The files of the page, which are embedded into the assembly: <c>index.html</c> at <c>/</c>, the others under <c>/page/</c>. They
/// are the same for everyone and hold no secret, so they are served without a key; what the page asks for is not.
/// </summary>
static class PageFiles
{
    const string Folder = "wwwroot/", Start = "index.html";

    /// <summary>
    /// The page runs its own files only, talks to its own server only, and cannot be framed; a picture is shown from memory
    /// (<c>blob:</c>). Text never becomes markup: Trusted Types are required and there is no policy that would make any.
    /// </summary>
    internal const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; "
        + "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    static readonly string[] s_methods = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Maps every file.</summary>
    public static void Map(IEndpointRouteBuilder endpoints)
    {
        foreach (string resource in typeof(PageFiles).Assembly.GetManifestResourceNames())
        {
            if (!resource.StartsWith(Folder, StringComparison.Ordinal)) continue;
            string name = resource[Folder.Length..];
            PageFile file = PageFile.Read(resource);
            // After every other endpoint, so that an application keeps its own page.
            endpoints.MapMethods(name == Start ? "/" : $"/{name}", s_methods, file.SendAsync)
                .ExcludeFromDescription().WithMetadata(new WithoutKey()).WithOrder(int.MaxValue);
        }
    }
}

/// <summary>One file.</summary>
sealed class PageFile(byte[] content, string mediaType)
{
    readonly EntityTagHeaderValue _tag = new($"\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 12))}\"");

    /// <summary>Reads a file from the assembly.</summary>
    public static PageFile Read(string resource)
    {
        using Stream stream = typeof(PageFile).Assembly.GetManifestResourceStream(resource)!;
        byte[] content = new byte[stream.Length];
        stream.ReadExactly(content);
        return new PageFile(content, MediaType(Path.GetExtension(resource)));
    }

    /// <summary>Sends it, or says that the browser's copy is still good.</summary>
    public async Task SendAsync(HttpContext context)
    {
        (HttpRequest request, HttpResponse response) = (context.Request, context.Response);
        // The page names its files relative to itself, which takes the slash where it is mapped below a prefix.
        string path = (request.PathBase + request.Path).ToString();
        if (mediaType.StartsWith("text/html", StringComparison.Ordinal) && !path.EndsWith('/'))
        {
            response.Redirect($"{path}/{request.QueryString}");
            return;
        }
        response.Headers.ContentSecurityPolicy = PageFiles.ContentSecurityPolicy;
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.Headers["Cross-Origin-Opener-Policy"] = "same-origin";
        response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
        response.Headers.CacheControl = "no-cache"; // may be kept, and is asked about every time
        response.Headers.ETag = _tag.ToString();
        if (request.GetTypedHeaders().IfNoneMatch.Any(t => t.Compare(_tag, useStrongComparison: false)))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        response.ContentType = mediaType;
        response.ContentLength = content.Length;
        if (!HttpMethods.IsHead(request.Method)) await response.Body.WriteAsync(content, context.RequestAborted).ConfigureAwait(false);
    }

    static string MediaType(string extension) => extension switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        _ => throw new InvalidOperationException($"The page has no media type for {extension} files."),
    };
}
