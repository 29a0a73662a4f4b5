// Command app is a backend that a test builds into an image. Its arguments say how it misbehaves.
package main

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8000"
	}
	if slices.Contains(os.Args, "health") {
		resp, err := http.Get("http://127.0.0.1:" + port + "/health")
		if err != nil || resp.StatusCode != http.StatusOK {
			os.Exit(1)
		}
		return
	}
	fmt.Println("starting")
	if slices.Contains(os.Args, "crash") {
		fmt.Fprintln(os.Stderr, "ERROR no module named nothing")
		os.Exit(3)
	}
	if slices.Contains(os.Args, "deaf") {
		time.Sleep(time.Minute)
	}
	if slices.Contains(os.Args, "elsewhere") {
		port = "9999"
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case slices.Contains(os.Args, "sick"):
			w.WriteHeader(http.StatusServiceUnavailable)
		case slices.Contains(os.Args, "bare"):
			fmt.Fprint(w, "ok")
		default:
			fmt.Fprintf(w, `{"status":"healthy","configured":%v}`, os.Getenv("OPENAI_API_KEY") != "")
		}
	})
	if err := http.ListenAndServe(":"+port, nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
